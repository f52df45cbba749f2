"""The API keeps to its own description: whatever is sent, no answer is a server error or of another shape."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from core.api_docs import openapi_document
from core.permissions import system_principal
from core.tokens import create_token
from core.wsgi import application
from tests.entities.catalogue import add_entity

schema = schemathesis.openapi.from_dict(openapi_document())
schema.app = application
schema.location = "http://localhost/api/v1/openapi.json"


@pytest.fixture
def _one_connection() -> Iterator[None]:
    """As Django's own test client does: a request must not give the test's transaction back to the pool."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def secret(db: None, _one_connection: None) -> str:
    add_entity("payments-db")
    return create_token(principal=system_principal("tester"), name="contract", role="editor").secret


@schema.parametrize()
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_operation_answers_as_described(case: schemathesis.Case[Any], secret: str) -> None:
    response = case.call(headers={"Authorization": f"Bearer {secret}"})

    case.validate_response(
        response,
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_schema_conformance,
        ],
    )

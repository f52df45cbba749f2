"""Breakers in the Django admin: to read, without secrets."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from core.permissions import Principal, Role
from entities.models import Entity
from ops.breakers.definition import parse_source
from ops.breakers.models import BreakerSource
from ops.breakers.services import create_source
from tests.ops.breakers.conftest import item, the_breaker


@pytest.mark.django_db
def test_breakers_and_sources_can_be_read(
    report: Callable[..., Any], entity: Entity, staff: Principal, client_of: Callable[[Role], Client]
) -> None:
    report(item("open", breaker="<b>cards</b>"))
    fields = {"name": "fleet", "kind": "scrape", "url": "http://127.0.0.1:9102/metrics", "bearer_token": "s3cret"}
    create_source(principal=staff, entity_ref=entity.name, definition=parse_source(fields))
    admin = client_of(Role.ADMIN)
    pages = [
        "/admin/ops/fleetbreaker/",
        f"/admin/ops/fleetbreaker/{the_breaker().pk}/change/",
        "/admin/ops/breakersource/",
        f"/admin/ops/breakersource/{BreakerSource.objects.get().pk}/change/",
    ]
    for page in pages:
        answer = admin.get(page)
        assert answer.status_code == 200, page
        assert "<b>cards" not in answer.content.decode()
        assert "s3cret" not in answer.content.decode()
        assert "basic_password:" not in answer.content.decode()
    assert admin.post(pages[1], {"name": "x"}).status_code == 403

"""What the tests of errors share: an entity with a DSN, and events as SDKs send them."""

import gzip
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from core.permissions import Principal, system_principal
from entities.models import Entity
from ops.errors import ingest
from ops.errors.digest import digest_spool
from ops.errors.exposition import forget_rendered
from ops.errors.models import ErrorGroup, ErrorKey
from ops.errors.services import create_key
from tests.entities.catalogue import add_entity

type Event = dict[str, Any]


@pytest.fixture(autouse=True)
def _no_known_senders() -> None:
    """A test that was rolled back leaves its keys, and what they used of their quota, to the next one."""
    ingest.forget_senders()
    forget_rendered()
    ingest._alone.clear()
    ingest._outage.until = float("-inf")
    for counted in ingest._client().scan_iter("quarterdeck:error-quota:*"):
        ingest._client().delete(counted)


@pytest.fixture
def staff() -> Principal:
    return system_principal("test")


@pytest.fixture
def entity(db: None) -> Entity:
    add_entity("payments-api")
    return Entity.objects.get(name="payments-api")


@pytest.fixture
def key(entity: Entity, staff: Principal) -> ErrorKey:
    return create_key(principal=staff, entity_ref=entity.name)


def frame(function: str, *, module: str = "app.payments", in_app: bool = True, line: int = 10) -> Event:
    return {"function": function, "module": module, "filename": f"{module}.py", "lineno": line, "in_app": in_app}


def event(
    *, kind: str = "ValueError", value: str = "bad", functions: tuple[str, ...] = ("charge",), **more: Any
) -> Event:
    frames = [frame(name) for name in functions]
    exception = {"type": kind, "value": value, "stacktrace": {"frames": frames}}
    return {"event_id": uuid.uuid4().hex, "level": "error", "exception": {"values": [exception]}, **more}


def envelope(*events: Event, kind: str = "event") -> bytes:
    lines = [b"{}"]
    for item in events:
        payload = json.dumps(item).encode()
        lines += [json.dumps({"type": kind, "length": len(payload)}).encode(), payload]
    return b"\n".join(lines)


@pytest.fixture
def send(client: Client, key: ErrorKey) -> Callable[..., Any]:
    """Post bytes as an SDK does; gzip unless told otherwise."""

    def post(body: bytes, *, encoding: str = "gzip", path: str | None = None, **headers: str) -> Any:
        packed = gzip.compress(body) if encoding == "gzip" else body
        given = {"X-Sentry-Auth": f"Sentry sentry_version=7, sentry_key={key.public_key}", **headers}
        return client.post(
            path or f"/api/{key.pk}/envelope/", packed, content_type="application/x-sentry-envelope",
            headers={**given, **({"Content-Encoding": encoding} if encoding else {})},
        )  # fmt: skip

    return post


@pytest.fixture
def report(send: Callable[..., Any]) -> Callable[..., list[ErrorGroup]]:
    """Send events, digest them, and give the groups, oldest first."""

    def send_and_digest(*events: Event) -> list[ErrorGroup]:
        for item in events:
            response = send(envelope(item))
            assert response.status_code == 200, response.content
        digest_spool()
        return list(ErrorGroup.objects.order_by("id"))

    return send_and_digest

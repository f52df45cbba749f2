"""Checks as rows, for tests of the engine: no service is involved."""

import itertools
import uuid
from typing import Any

from core.clock import database_now_ms
from entities.models import Entity
from ops.health.models import Check, CheckState, Heartbeat

_numbers = itertools.count(1)


def make_check(
    kind: str = "tcp",
    config: dict[str, Any] | None = None,
    *,
    entity: Entity | None = None,
    due_in_ms: int | None = 0,
    interval_ms: int = 60_000,
    timeout_ms: int = 5_000,
    **fields: Any,
) -> Check:
    """A check with its state; due ``due_in_ms`` from now, or not scheduled with None."""
    number = next(_numbers)
    entity = entity or Entity.objects.create(name=f"entity-{number}", kind="service")
    check = Check.objects.create(
        entity=entity, name=fields.pop("name", f"check-{number}"), kind=kind, config=config or {},
        interval_ms=interval_ms, timeout_ms=timeout_ms, **fields,
    )  # fmt: skip
    CheckState.objects.create(
        definition=check, interval_ms=interval_ms, timeout_ms=timeout_ms,
        next_due_ms=None if due_in_ms is None else database_now_ms() + due_in_ms,
    )  # fmt: skip
    if kind == "heartbeat":
        Heartbeat.objects.create(definition=check, ping_id=uuid.uuid4())
    return check


def make_http_check(url: str, **fields: Any) -> Check:
    return make_check("http", {"url": url}, **fields)


def state_of(check: Check) -> CheckState:
    return CheckState.objects.get(pk=check.pk)

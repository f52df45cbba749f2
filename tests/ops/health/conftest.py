"""A small fleet, written straight into the tables."""

import os
from collections.abc import Callable
from typing import Any

import pytest

from core.clock import now_ms
from core.revision import take_revision
from entities.models import Dependency, Entity
from ops.health.models import Check, CheckState
from ops.signals.domain import Status

HOUR_MS = 3_600_000

# Partitions are PostgreSQL's alone.
collect_ignore = [] if "QUARTERDECK_DATABASE_URL" in os.environ else ["test_partitions.py"]


@pytest.fixture
def make_entity(db: None) -> Callable[..., Entity]:
    def make(name: str, *, needs: tuple[Entity, ...] = (), **fields: Any) -> Entity:
        entity = Entity.objects.create(name=name, kind=fields.pop("kind", "service"), **fields)
        for needed in needs:
            Dependency.objects.create(entity=entity, depends_on=needed)
        return entity

    return make


@pytest.fixture
def make_check(db: None) -> Callable[..., Check]:
    """A check that stands at ``status`` with a fresh result; None: it never ran."""

    def make(entity: Entity, name: str = "http", *, status: Status | None = Status.HEALTHY, **fields: Any) -> Check:
        state = {
            "next_due_ms": now_ms() + HOUR_MS,
            "since_ms": None if status is None else now_ms() - 60_000,
            "fresh_until_ms": None if status is None else now_ms() + HOUR_MS,
            "last_at_ms": None if status is None else now_ms() - 1_000,
            "last_duration_us": None if status is None else 12_500,
            "last_message": fields.pop("message", ""),
        }
        state |= {key: fields.pop(key) for key in list(fields) if key in state}
        check = Check.objects.create(entity=entity, name=name, kind=fields.pop("kind", "http"), **fields)
        CheckState.objects.create(
            definition=check,
            interval_ms=check.interval_ms,
            timeout_ms=check.timeout_ms,
            status=Status.UNKNOWN if status is None else status,
            **state,
        )
        take_revision()
        return check

    return make

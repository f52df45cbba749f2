"""The workers of a broker by the events that they send."""

import datetime as dt
from dataclasses import dataclass

from django.db.models import Q

from core.clock import from_ms
from ops.queues.models import TaskBroker

STALE_AFTER_MS = 60_000
"""Where nothing was stored for so long, nobody listens: then nothing is known of what happens now."""


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """One worker; the hostname is hostile text. ``active`` tasks are None when it is not up or does not tell."""

    hostname: str
    is_up: bool
    active: int | None
    seen_at: dt.datetime


def is_heard(now_ms: int, prefix: str = "") -> Q:
    """Of a query on ``TaskBroker``, or on what leads to it by ``prefix``: whether it is listened to now."""
    stored = f"{prefix}stored_ms"
    fresh = Q((f"{stored}__gte", now_ms - STALE_AFTER_MS), (f"{stored}__lte", now_ms + STALE_AFTER_MS))
    return fresh & Q((f"{prefix}message", ""))


def worker_rows(broker: TaskBroker) -> tuple[WorkerRow, ...]:
    """Who is gone first, then by name."""
    return tuple(
        WorkerRow(row.hostname, row.is_up, row.active if row.is_up else None, from_ms(row.seen_ms))
        for row in broker.hosts.order_by("is_up", "hostname")
    )

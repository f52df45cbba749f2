"""What services do to the sampler's row of a queue. Every write raises the fence, so that the look under way is
discarded.
"""

import random
from collections.abc import Collection
from typing import Any

from django.db.models import BigIntegerField, Case, F, Value, When

from ops.queues.models import Queue, QueueState
from ops.scheduling.freshness import fresh_until
from ops.signals.domain import Status

SPREAD_MS = 60_000
SPREAD_PER_QUEUE_MS = 250
"""What each queue that is set going together with others adds to the time in which they start: one alone starts at
once."""

_LET_GO: dict[str, Any] = {"fence": F("fence") + 1, "slot_ms": None, "lease_until_ms": 0}
_NOTHING_KNOWN: dict[str, Any] = {
    "status": Status.UNKNOWN, "message": "", "fresh_until_ms": None, "breach_in_ms": None, "rate_in": None,
    "rate_out": None,
}  # fmt: skip

_NOTHING_SEEN: dict[str, None] = dict.fromkeys(
    ("last_at_ms", "seen_at_ms", "size", "oldest_age_ms", "consumers", "unacked", "scheduled", "dead")
)


def first_due(queue: Queue, *, now_ms: int, together: int = 0) -> int:
    """The slot that a queue starts with, at random, so that the ``together`` others do not all start with it."""
    spread = min(queue.interval_ms, SPREAD_MS, together * SPREAD_PER_QUEUE_MS)
    return now_ms + random.randrange(spread + 1)  # noqa: S311 - spreads load


def create_state(queue: Queue, *, is_running: bool, now_ms: int, together: int) -> None:
    QueueState.objects.create(
        definition=queue,
        interval_ms=queue.interval_ms,
        timeout_ms=queue.timeout_ms,
        next_due_ms=first_due(queue, now_ms=now_ms, together=together) if is_running else None,
    )


def restart(queue: Queue, *, now_ms: int, together: int = 0) -> None:
    """Follow an edit: due at once, and what is known is believed no longer than the new rhythm allows."""
    due = first_due(queue, now_ms=now_ms, together=together)
    believed = fresh_until(next_due_ms=due, interval_ms=queue.interval_ms, timeout_ms=queue.timeout_ms)
    QueueState.objects.filter(pk=queue.pk).update(
        **_LET_GO,
        definition_version=queue.version,
        interval_ms=queue.interval_ms,
        timeout_ms=queue.timeout_ms,
        next_due_ms=due,
        fresh_until_ms=Case(
            When(fresh_until_ms__gt=believed, then=Value(believed)),
            default=F("fresh_until_ms"),
            output_field=BigIntegerField(),
        ),
    )


def start(queue: Queue, *, now_ms: int, together: int = 0) -> None:
    """Set a queue going that stood still: unknown until its first look."""
    restart(queue, now_ms=now_ms, together=together)
    QueueState.objects.filter(pk=queue.pk).update(**_NOTHING_KNOWN, since_ms=now_ms)


def stop(queue: Queue, *, now_ms: int) -> None:
    """Take a queue off the schedule; what was known proves nothing any more."""
    QueueState.objects.filter(pk=queue.pk).update(
        **_LET_GO,
        **_NOTHING_KNOWN,
        definition_version=queue.version,
        interval_ms=queue.interval_ms,
        timeout_ms=queue.timeout_ms,
        next_due_ms=None,
        since_ms=now_ms,
    )


def forget_seen(queue: Queue, *, now_ms: int) -> None:
    """Follow an edit to another source: what was seen is no word about it. History keeps what the old one showed."""
    QueueState.objects.filter(pk=queue.pk).update(
        **_NOTHING_KNOWN, **_NOTHING_SEEN, since_ms=now_ms, sampled_from_ms=now_ms
    )


def lock_states(queue_ids: Collection[int]) -> None:
    """Take the rows in the order of their keys, as the sampler does, so that no two writers wait in a ring."""
    list(QueueState.objects.select_for_update(no_key=True).filter(pk__in=queue_ids).order_by("pk").values_list("pk"))


def bring_forward(queue_id: int, *, now_ms: int) -> None:
    """Make the queue due now, unless it stands still, is due already or being looked at."""
    QueueState.objects.filter(pk=queue_id, slot_ms=None, next_due_ms__gt=now_ms).update(next_due_ms=now_ms)

"""What services do to the engine's row of a check: set it going, stop it, and let go of a probe under way.

Every write raises the fence, so that the result of a probe that was started before it is discarded.
"""

import random
from collections.abc import Collection
from typing import Any

from django.db.models import BigIntegerField, Case, F, Value, When

from ops.health.definition import CheckDefinition
from ops.health.models import CheckState, StatusChange
from ops.scheduling.freshness import fresh_until
from ops.signals.domain import Status

SPREAD_MS = 60_000
"""Checks that are set going together start within this time, or within their interval when it is shorter."""

SPREAD_PER_CHECK_MS = 500
"""What each of them adds to that time: one check alone starts at once, a hundred use it all."""

_REGULAR: dict[str, Any] = {"retry_ms": None, "anchor_ms": None}
_LET_GO: dict[str, Any] = {"fence": F("fence") + 1, "slot_ms": None, "lease_until_ms": 0, **_REGULAR}
_NOTHING_PROVEN: dict[str, Any] = {"status": Status.UNKNOWN, "fine_run": 0, "up_run": 0, "fresh_until_ms": None}


def interval_of(definition: CheckDefinition) -> int:
    """From one slot to the next: of a kind that waits for signs of life, their period."""
    expectation = definition.kind.expectation(definition.config)
    return definition.common.interval if expectation is None else expectation.period_ms


def first_due(definition: CheckDefinition, *, now_ms: int, together: int = 0) -> int:
    """The slot that a check starts with, at random, so that the ``together`` others do not all start with it.

    A kind that waits for signs of life is due when the first one would be late.
    """
    expectation = definition.kind.expectation(definition.config)
    if expectation is not None:
        return expectation.deadline_after(now_ms)
    spread = min(definition.common.interval, SPREAD_MS, together * SPREAD_PER_CHECK_MS)
    return now_ms + random.randrange(spread + 1)  # noqa: S311 - spreads load


def create_state(check_id: int, definition: CheckDefinition, *, is_running: bool, now_ms: int, together: int) -> None:
    CheckState.objects.create(
        definition_id=check_id,
        interval_ms=interval_of(definition),
        timeout_ms=definition.common.timeout,
        next_due_ms=first_due(definition, now_ms=now_ms, together=together) if is_running else None,
    )


def restart(check_id: int, definition: CheckDefinition, *, version: int, now_ms: int, together: int = 0) -> None:
    """Follow an edit: due at once, and what is known is believed no longer than the new rhythm allows."""
    due = first_due(definition, now_ms=now_ms, together=together)
    interval, timeout = interval_of(definition), definition.common.timeout
    believed = fresh_until(next_due_ms=due, interval_ms=interval, timeout_ms=timeout)
    CheckState.objects.filter(pk=check_id).update(
        **_LET_GO,
        definition_version=version,
        interval_ms=interval,
        timeout_ms=timeout,
        next_due_ms=due,
        fresh_until_ms=Case(
            When(fresh_until_ms__gt=believed, then=Value(believed)),
            default=F("fresh_until_ms"),
            output_field=BigIntegerField(),
        ),
    )


def start(check_id: int, definition: CheckDefinition, *, version: int, now_ms: int, together: int = 0) -> None:
    """Set a check going that stood still: unknown until its first result."""
    restart(check_id, definition, version=version, now_ms=now_ms, together=together)
    _note_unknown(check_id, now_ms=now_ms)
    CheckState.objects.filter(pk=check_id).update(**_NOTHING_PROVEN, since_ms=now_ms)


def stop(check_id: int, *, version: int, now_ms: int) -> None:
    """Take a check off the schedule; what it knew proves nothing any more."""
    _note_unknown(check_id, now_ms=now_ms)
    CheckState.objects.filter(pk=check_id).update(
        **_LET_GO, **_NOTHING_PROVEN, definition_version=version, next_due_ms=None, since_ms=now_ms
    )


def _note_unknown(check_id: int, *, now_ms: int) -> None:
    """Its status ends here, or ended when results stopped coming."""
    known = CheckState.objects.filter(pk=check_id).exclude(status=Status.UNKNOWN)
    for fresh_until_ms in known.values_list("fresh_until_ms", flat=True):
        ended = now_ms if fresh_until_ms is None else min(now_ms, fresh_until_ms)
        StatusChange.objects.create(check_id=check_id, at_ms=ended, status=Status.UNKNOWN)


def follow(check_id: int, definition: CheckDefinition, *, version: int) -> None:
    """Follow an edit that does not disturb the schedule: of the name alone, or of a check that stands still."""
    CheckState.objects.filter(pk=check_id).update(
        definition_version=version, interval_ms=interval_of(definition), timeout_ms=definition.common.timeout
    )


def lock_states(check_ids: Collection[int]) -> None:
    """Take the rows in the order of their keys, before several are written, so that no two writers wait in a ring."""
    list(CheckState.objects.select_for_update(no_key=True).filter(pk__in=check_ids).order_by("pk").values_list("pk"))


def bring_forward(check_id: int, *, now_ms: int) -> None:
    """Make the check due now, unless it is due already or being probed."""
    CheckState.objects.filter(pk=check_id, slot_ms=None, next_due_ms__gt=now_ms).update(next_due_ms=now_ms, **_REGULAR)

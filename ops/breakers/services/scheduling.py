"""What services do to the row that sampling works by. Every write raises the fence, so that a look that was started
before it is discarded."""

import random
from collections.abc import Collection
from typing import Any

from django.db.models import F

from ops.breakers.definition import SourceDefinition
from ops.breakers.models import BreakerSourceState

SPREAD_MS_MAX = 10_000
"""Sources that are set going start within this time, or within their interval when it is shorter."""

_LET_GO: dict[str, Any] = {"fence": F("fence") + 1, "slot_ms": None, "lease_until_ms": 0}


def create_state(source_id: int, definition: SourceDefinition, *, is_running: bool, now_ms: int) -> None:
    BreakerSourceState.objects.create(
        source_id=source_id,
        interval_ms=definition.common.interval,
        timeout_ms=definition.common.timeout,
        next_due_ms=now_ms if is_running else None,
    )


def start(source_id: int, *, interval_ms: int, timeout_ms: int, now_ms: int, spread: bool = False) -> None:
    """Due at once, or with ``spread`` at random within a short time."""
    ahead = random.randrange(min(interval_ms, SPREAD_MS_MAX)) if spread else 0  # noqa: S311 - spreads load
    BreakerSourceState.objects.filter(pk=source_id).update(
        **_LET_GO, interval_ms=interval_ms, timeout_ms=timeout_ms, next_due_ms=now_ms + ahead
    )


def stop(source_id: int, *, interval_ms: int, timeout_ms: int) -> None:
    BreakerSourceState.objects.filter(pk=source_id).update(
        **_LET_GO, interval_ms=interval_ms, timeout_ms=timeout_ms, next_due_ms=None, failure="", last_at_ms=None
    )


def bring_forward(source_ids: Collection[int], *, now_ms: int) -> None:
    """Make them due now, unless they are due already or being looked at."""
    rows = BreakerSourceState.objects.filter(pk__in=source_ids, slot_ms=None, next_due_ms__gt=now_ms)
    rows.update(next_due_ms=now_ms)


def lock_states(source_ids: Collection[int]) -> None:
    """Take the rows in the order of their keys, so that no two writers of several wait in a ring."""
    rows = BreakerSourceState.objects.select_for_update(no_key=True).filter(pk__in=source_ids)
    list(rows.order_by("pk").values_list("pk"))

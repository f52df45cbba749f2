"""All queues in a few numbers."""

import time
from dataclasses import dataclass

from django.db.models import Count, F, Sum

from core.clock import database_now_ms
from core.permissions import Permission, Principal
from entities.filters import EVERY_ENTITY, EntityFilter, owned
from ops.queues.models import Queue, QueueRollup
from ops.queues.selectors import effective
from ops.signals.domain import PAUSED_SEVERITY, WORDS, Status

TREND_STEP_MS = 300_000
TREND_STEPS = 12
_TREND_KEPT_SECONDS = 10.0

_trend: tuple[float, tuple[float, ...]] = (float("-inf"), ())


@dataclass(frozen=True, slots=True)
class QueueTotals:
    """``counts`` are queues by the word of their status. ``waiting`` sums the sizes of those that are known, ``trend``
    the mean sizes of each of the last ``TREND_STEPS`` times five minutes, the running one last.
    """

    counts: dict[str, int]
    waiting: int
    trend: tuple[float, ...]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def queue_totals(*, principal: Principal, owner: EntityFilter = EVERY_ENTITY) -> QueueTotals:
    principal.require(Permission.CATALOG_VIEW)
    now = database_now_ms()
    rows = (
        Queue.objects.filter(owned(owner))
        .annotate(severity=effective.severity(now))
        .order_by()
        .values("severity")
        .annotate(queues=Count("id"), size=Sum("state__size"))
        .values_list("severity", "queues", "size")
    )
    counts, waiting = {}, 0
    for severity, queues, size in rows:
        counts[WORDS[severity]] = queues
        if severity not in {PAUSED_SEVERITY, Status.UNKNOWN}:
            waiting += int(size or 0)
    if not counts:
        return QueueTotals(counts, waiting, ())
    return QueueTotals(counts, waiting, _kept_trend(now) if owner == EVERY_ENTITY else _read_trend(now, owner))


def forget_trend() -> None:
    global _trend  # noqa: PLW0603
    _trend = (float("-inf"), ())


def _kept_trend(now_ms: int) -> tuple[float, ...]:
    """Of all queues, at most ``_TREND_KEPT_SECONDS`` old, because it reads a row for each queue and step."""
    global _trend  # noqa: PLW0603 - replaced as a whole; at worst two threads read the same
    if time.monotonic() - _trend[0] > _TREND_KEPT_SECONDS:
        _trend = (time.monotonic(), _read_trend(now_ms, EVERY_ENTITY))
    return _trend[1]


def _read_trend(now_ms: int, owner: EntityFilter) -> tuple[float, ...]:
    first = (now_ms // TREND_STEP_MS - TREND_STEPS + 1) * TREND_STEP_MS
    rollups = QueueRollup.objects.filter(start_ms__gte=first)
    if owner != EVERY_ENTITY:
        rollups = rollups.filter(queue_id__in=Queue.objects.filter(owned(owner)).order_by().values("id"))
    sizes = rollups.order_by().values("start_ms").annotate(size=Sum(F("size_sum") / F("samples")))
    by_start = dict(sizes.values_list("start_ms", "size"))
    starts = range(first, first + TREND_STEPS * TREND_STEP_MS, TREND_STEP_MS)
    return tuple(float(by_start.get(start) or 0) for start in starts)

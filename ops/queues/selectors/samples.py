"""The history of one queue."""

import datetime as dt
from dataclasses import dataclass

from core.clock import database_now_ms, from_ms
from core.config import get_config
from core.errors import FieldError, NotFound, ValidationFailed
from core.permissions import Permission, Principal
from ops.queues.models import Queue, QueueRollup, QueueSample

RAW_POINTS_MAX = 2_200
POINTS_MAX = 10_000
ROLLUP_MS = 300_000
_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class SamplePoint:
    """Of a single look all three sizes are the same; ``size`` is the mean. ``consumers`` is None of a roll-up."""

    at: dt.datetime
    size: float
    size_min: int
    size_max: int
    oldest_age_seconds: float | None
    consumers: int | None = None


@dataclass(frozen=True, slots=True)
class SampleSeries:
    """``step_seconds`` is the length of what a point sums up, 0 for single looks. The oldest point first."""

    step_seconds: int
    points: tuple[SamplePoint, ...]


def queue_samples(*, principal: Principal, uid: str, since_ms: int, until_ms: int) -> SampleSeries:
    """What was seen from ``since_ms`` up to, not including, ``until_ms``: single looks when they are still kept and
    few enough, else five minutes each.

    Raises ``NotFound``, and ``ValidationFailed`` for a time that ends before it begins.
    """
    principal.require(Permission.CATALOG_VIEW)
    if until_ms <= since_ms:
        raise ValidationFailed("The time is not valid", errors=(FieldError("until", "must be after since"),))
    queue = None if "\0" in uid else Queue.objects.filter(uid=uid).only("id", "interval_ms").first()
    if queue is None:
        raise NotFound(f"There is no queue {uid[:80]!r}")
    kept_from = database_now_ms() - get_config().keep_results_hours * _HOUR_MS
    if since_ms >= kept_from and (until_ms - since_ms) / queue.interval_ms <= RAW_POINTS_MAX:
        return SampleSeries(0, _looks(queue.pk, since_ms, until_ms))
    return SampleSeries(ROLLUP_MS // 1_000, _rollups(queue.pk, since_ms, until_ms))


def _looks(queue_id: int, since_ms: int, until_ms: int) -> tuple[SamplePoint, ...]:
    rows = (
        QueueSample.objects.filter(queue_id=queue_id, at_ms__gte=since_ms, at_ms__lt=until_ms)
        .order_by("-at_ms")
        .values_list("at_ms", "size", "oldest_age_ms", "consumers")[:POINTS_MAX]
    )
    return tuple(
        SamplePoint(from_ms(at_ms), float(size), size, size, _seconds(age), consumers)
        for at_ms, size, age, consumers in reversed(rows)
    )


def _rollups(queue_id: int, since_ms: int, until_ms: int) -> tuple[SamplePoint, ...]:
    rows = (
        QueueRollup.objects.filter(
            queue_id=queue_id, start_ms__gte=since_ms // ROLLUP_MS * ROLLUP_MS, start_ms__lt=until_ms
        )
        .order_by("-start_ms")
        .values_list("start_ms", "samples", "size_min", "size_max", "size_sum", "oldest_age_max_ms")[:POINTS_MAX]
    )
    return tuple(
        SamplePoint(from_ms(start_ms), round(total / count, 2), low, high, _seconds(age))
        for start_ms, count, low, high, total, age in reversed(rows)
    )


def _seconds(value_ms: int | None) -> float | None:
    return None if value_ms is None else value_ms / 1_000

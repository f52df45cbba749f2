"""How many groups and events there are, and how the last day went."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Count, Q, Sum

from core.clock import now_ms
from entities.filters import EVERY_ENTITY, EntityFilter
from ops.errors.domain import HOUR_MS, GroupState, events_in_last_hour
from ops.errors.models import ErrorCount
from ops.errors.selectors.narrowing import narrowed_groups, watched_groups

TREND_HOURS = 24


@dataclass(frozen=True, slots=True)
class ErrorTotals:
    """``open`` counts open groups, ``new`` those of them first seen in the last day, ``troubled`` those that make their
    entity degraded, ``hourly`` the events of each hour."""

    open: int
    new: int
    troubled: int
    last_hour: int
    hourly: tuple[int, ...]


def error_totals(*, owner: EntityFilter = EVERY_ENTITY) -> ErrorTotals:
    """The sum over what ``group_rows`` lists."""
    groups = narrowed_groups(owner=owner)
    now = now_ms()
    counts = groups.filter(state=GroupState.OPEN).aggregate(
        open=Count("id"),
        new=Count("id", filter=Q(first_seen_ms__gt=now - 86_400_000)),
        troubled=Count("id", filter=Q(trouble__gt="")),
    )
    running = now - now % HOUR_MS
    hours = ErrorCount.objects.filter(hour_ms__gt=running - TREND_HOURS * HOUR_MS)
    hours = hours.filter(group_id__in=groups.order_by().values("id"))
    per_hour = dict(hours.values_list("hour_ms").annotate(total=Sum("events")))
    hourly = tuple(per_hour.get(running - back * HOUR_MS, 0) for back in reversed(range(TREND_HOURS)))
    return ErrorTotals(**counts, last_hour=events_in_last_hour(hourly, now), hourly=hourly)


def troubled_group_count() -> int:
    """Open groups that make their entity degraded."""
    return watched_groups().filter(trouble__gt="", state=GroupState.OPEN).count()


def trends_of(group_ids: Sequence[int], *, hours: int = TREND_HOURS) -> Mapping[int, tuple[int, ...]]:
    """The events of each group by clock hour, the running one last."""
    now = now_ms()
    running = now - now % HOUR_MS
    counts = ErrorCount.objects.filter(group_id__in=group_ids, hour_ms__gt=running - hours * HOUR_MS)
    found: dict[int, dict[int, int]] = defaultdict(dict)
    for group, hour, events in counts.values_list("group_id", "hour_ms", "events"):
        found[group][hour] = events
    starts = [running - back * HOUR_MS for back in reversed(range(hours))]
    return {group: tuple(found[group].get(start, 0) for start in starts) for group in group_ids}

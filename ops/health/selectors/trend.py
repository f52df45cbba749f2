"""How the last day went for many checks together."""

from typing import Any

from django.db.models import Count, F, Max

from core.clock import now_ms
from entities.filters import EVERY_ENTITY, EntityFilter, owned
from ops.health.models import Check, StatusChange
from ops.signals.domain import Status

HOURS = 24
_HOUR_MS = 3_600_000
_LOOKED_THROUGH = 20_000
"""Of all changes of status the last so many count: the table has one index, by check, and is kept for good."""


def turned_bad_hourly(*, owner: EntityFilter = EVERY_ENTITY) -> tuple[int, ...]:
    """How many times a check turned degraded or unhealthy in each clock hour of the last day, the running one last."""
    now = now_ms()
    first = now - now % _HOUR_MS - (HOURS - 1) * _HOUR_MS
    newest = StatusChange.objects.aggregate(newest=Max("id"))["newest"] or 0
    changes = StatusChange.objects.filter(
        pk__gt=newest - _LOOKED_THROUGH, at_ms__gte=first, status__gte=Status.DEGRADED
    )
    if owner != EVERY_ENTITY:
        changes = changes.filter(check_id__in=Check.objects.filter(owned(owner)).order_by().values("id"))
    hours: Any = changes.order_by().annotate(hour=(F("at_ms") - first) / _HOUR_MS).values_list("hour")
    counts = {int(hour): count for hour, count in hours.annotate(Count("id"))}
    return tuple(counts.get(hour, 0) for hour in range(HOURS))

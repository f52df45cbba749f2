"""What breakers say of their entities."""

from collections.abc import Collection, Iterable
from typing import ClassVar

from django.db.models import Max, Min

from ops.breakers.domain import summarize
from ops.breakers.models import FleetBreaker
from ops.breakers.selectors import effective
from ops.breakers.selectors.rows import stored_aggregate
from ops.signals.domain import Reason, Signal, Status, Told


class BreakerSignals:
    """Every breaker of the fleet; what each state counts for is in ``domain.STATUSES``."""

    went_stale: ClassVar[str] = (
        "SELECT 1 FROM ops_breakerinstance WHERE fresh_until_ms >= %(seen)s AND fresh_until_ms < {now} "
        "AND state <> 'unknown'"
    )

    def told(self, now_ms: int) -> Iterable[Told]:
        return (
            FleetBreaker.objects.annotate(severity=effective.severity(now_ms), since=effective.since_ms(now_ms))
            .order_by()
            .values_list("entity_id", "severity")
            .annotate(first=Min("since"), last=Max("since"))
        )

    def reasons(self, entity_ids: Collection[int] | None, now_ms: int) -> Iterable[Reason]:
        breakers = FleetBreaker.objects.all()
        if entity_ids is not None:
            breakers = breakers.filter(entity_id__in=entity_ids)
        rows = (
            breakers.annotate(severity=effective.severity(now_ms), since=effective.since_ms(now_ms))
            .filter(severity__gt=Status.HEALTHY)
            .order_by("-severity", "since", "name")
        )
        for row in rows.iterator(chunk_size=500):
            message = summarize(stored_aggregate(row, now_ms), now_ms)
            yield Reason(row.entity_id, Signal.BREAKER, row.name, Status(row.severity), message, row.since)

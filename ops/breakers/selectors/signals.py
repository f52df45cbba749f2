"""What breakers say of their entities."""

from collections.abc import Collection, Iterable, Mapping

from django.db.models import Max, Min

from ops.breakers.domain import summarize
from ops.breakers.models import FleetBreaker
from ops.breakers.selectors import effective
from ops.breakers.selectors.rows import stored_aggregate
from ops.signals.domain import Reason, Signal, Standing, Status


class BreakerSignals:
    """Every breaker of the fleet; what each state counts for is in ``domain.STATUSES``."""

    def standings(self, now_ms: int) -> Mapping[int, Standing]:
        rows = (
            FleetBreaker.objects.annotate(severity=effective.severity(now_ms), since=effective.since_ms(now_ms))
            .order_by()
            .values_list("entity_id", "severity")
            .annotate(first=Min("since"), last=Max("since"))
        )
        own: dict[int, Standing] = {}
        for entity_id, severity, first, last in rows:
            if entity_id not in own or severity > own[entity_id].severity:
                own[entity_id] = Standing(severity, first if severity > Status.HEALTHY else last)
        return own

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

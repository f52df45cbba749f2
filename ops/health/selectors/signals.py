"""What checks say of their entities."""

from collections.abc import Collection, Iterable
from typing import ClassVar

from django.db import connection
from django.db.models import Max, Min

from ops.health.models import Check
from ops.health.selectors import effective
from ops.signals.domain import Reason, Signal, Status, Told


class HealthSignals:
    """The checks that are not paused and do not merely inform (``domain.counted_status``)."""

    went_stale: ClassVar[str] = (
        "SELECT 1 FROM ops_checkstate WHERE fresh_until_ms >= %(seen)s AND fresh_until_ms < {now} "
        "AND next_due_ms IS NOT NULL"
    )

    def told(self, now_ms: int) -> Iterable[Told]:
        by_status = (
            Check.objects.filter(effective.counts())
            .annotate(severity=effective.counted_severity(now_ms), since=effective.effective_since_ms(now_ms))
            .order_by()
            .values("entity_id", "severity")
            .annotate(first=Min("since"), last=Max("since"))
            .values_list("entity_id", "severity", "first", "last")
        )
        with connection.cursor() as cursor:
            # Past the ORM, which converts every number once more: this reads a row for each entity.
            cursor.execute(*by_status.query.sql_with_params())
            found: list[Told] = cursor.fetchall()
        return found

    def reasons(self, entity_ids: Collection[int] | None, now_ms: int) -> Iterable[Reason]:
        checks = Check.objects.all() if entity_ids is None else Check.objects.filter(entity_id__in=entity_ids)
        rows = (
            checks.annotate(severity=effective.counted_severity(now_ms), since=effective.effective_since_ms(now_ms))
            .filter(effective.counts(), severity__gt=Status.HEALTHY)
            .order_by("-severity", "since", "name")
            .values_list(
                "entity_id", "name", "severity", "since", "state__fresh_until_ms", "state__last_message", named=True
            )
        )
        for row in rows:
            fresh_until = row.state__fresh_until_ms
            message = effective.reason(
                is_paused=False,
                is_stale=fresh_until is not None and fresh_until < now_ms,
                fresh_until_ms=fresh_until,
                message=row.state__last_message or "",
            )
            yield Reason(row.entity_id, Signal.HEALTH, row.name, Status(row.severity), message, row.since)

"""What queues say of their entities."""

from collections.abc import Collection, Iterable
from typing import ClassVar

from django.db.models import Max, Min

from ops.queues.models import Queue
from ops.queues.selectors import effective
from ops.signals.domain import Reason, Signal, Status, Told


class QueueSignals:
    """See ``ops.signals.port.SignalSource``. Freshness counts when it is read: what is stale is unknown."""

    went_stale: ClassVar[str] = (
        "SELECT 1 FROM ops_queuestate WHERE fresh_until_ms >= %(seen)s AND fresh_until_ms < {now} "
        "AND next_due_ms IS NOT NULL"
    )

    def told(self, now_ms: int) -> Iterable[Told]:
        return (
            Queue.objects.annotate(severity=effective.severity(now_ms), since=effective.since_ms(now_ms))
            .order_by()
            .values("entity_id", "severity")
            .annotate(first=Min("since"), last=Max("since"))
            .values_list("entity_id", "severity", "first", "last")
        )

    def reasons(self, entity_ids: Collection[int] | None, now_ms: int) -> Iterable[Reason]:
        queues = Queue.objects.all() if entity_ids is None else Queue.objects.filter(entity_id__in=entity_ids)
        rows = (
            queues.annotate(severity=effective.severity(now_ms), since=effective.since_ms(now_ms))
            .filter(severity__gt=Status.HEALTHY)
            .order_by("-severity", "since", "name")
            .values_list(
                "entity_id", "name", "severity", "since", "state__fresh_until_ms", "state__message", named=True
            )
        )
        for row in rows:
            message = effective.reason(
                row.severity, fresh_until_ms=row.state__fresh_until_ms, now_ms=now_ms, message=row.state__message or ""
            )
            yield Reason(row.entity_id, Signal.QUEUE, row.name, Status(row.severity), message, row.since)

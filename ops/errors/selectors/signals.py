"""What errors say of their entities, as it was last judged (``ops.errors.judging``)."""

from collections.abc import Collection, Iterable
from typing import ClassVar

from django.db.models import F, Min, QuerySet, Window
from django.db.models.functions import RowNumber

from ops.errors.domain import PAST_HOURS, Activity, GroupState, Trouble, describe_trouble
from ops.errors.models import ErrorGroup
from ops.errors.selectors.totals import trends_of
from ops.signals.domain import Reason, Signal, Status, Told

REASONS_MAX = 20
"""Of one entity: whoever knows a DSN can make up groups."""


class ErrorSignals:
    """An entity whose errors are no trouble is not told of: that nothing was reported proves nothing."""

    went_stale: ClassVar[str] = ""

    def told(self, now_ms: int) -> Iterable[Told]:  # noqa: ARG002 - judged already
        rows = _troubled().order_by().values_list("entity_id").annotate(since=Min("trouble_since_ms"))
        return [(entity_id, Status.DEGRADED, since, since) for entity_id, since in rows]

    def reasons(self, entity_ids: Collection[int] | None, now_ms: int) -> Iterable[Reason]:
        groups = _troubled() if entity_ids is None else _troubled().filter(entity_id__in=entity_ids)
        place = Window(RowNumber(), partition_by=F("entity_id"), order_by=[F("trouble_since_ms"), F("id")])
        rows = list(groups.annotate(place=place).filter(place__lte=REASONS_MAX).order_by("trouble_since_ms", "id"))
        hours = trends_of([row.pk for row in rows], hours=PAST_HOURS + 2) if rows else {}
        for row in rows:
            message = describe_trouble(row.title, Trouble(row.trouble), activity_of(row, hours[row.pk]), now_ms)
            yield Reason(row.entity_id, Signal.ERRORS, "errors", Status.DEGRADED, message, row.trouble_since_ms)


def _troubled() -> QuerySet[ErrorGroup]:
    return ErrorGroup.objects.filter(trouble__gt="", state=GroupState.OPEN)


def activity_of(group: ErrorGroup, hours: tuple[int, ...]) -> Activity:
    return Activity(
        level=group.level,
        events=group.events,
        first_seen_ms=group.first_seen_ms,
        last_seen_ms=group.last_seen_ms,
        regressed_at_ms=group.regressed_at_ms,
        hours=hours,
    )

"""Reads of the journal: the timeline of an entity."""

import datetime as dt
from dataclasses import dataclass

from core.clock import from_ms
from core.permissions import Permission, Principal
from ops.journal.models import JournalEntry

MAX_LIMIT = 1_000


@dataclass(frozen=True, slots=True)
class TimelineRow:
    id: int
    at: dt.datetime
    kind: str
    subject: str
    before: str
    after: str
    message: str


def timeline(
    *, principal: Principal, entity_id: int, limit: int = 50, before_id: int | None = None
) -> list[TimelineRow]:
    """What happened to the entity, newest first; ``before_id`` continues after a row already seen."""
    principal.require(Permission.CATALOG_VIEW)
    rows = JournalEntry.objects.filter(entity_id=entity_id).order_by("-id")
    if before_id is not None:
        rows = rows.filter(id__lt=before_id)
    return [
        TimelineRow(row.pk, from_ms(row.at_ms), row.kind, row.subject, row.before, row.after, row.message)
        for row in rows[: max(1, min(limit, MAX_LIMIT))]
    ]

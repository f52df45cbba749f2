"""Reads of the journal: the timeline of an entity."""

import datetime as dt
from dataclasses import dataclass

from core.clock import from_ms
from core.pagination import Page, SortKey, cut_page, decode_cursor, seek
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


def timeline(*, principal: Principal, entity_id: int, limit: int = 50, cursor: str | None = None) -> Page[TimelineRow]:
    """What happened to the entity, newest first. Raises ``ValidationFailed`` for a cursor of another list."""
    principal.require(Permission.CATALOG_VIEW)
    limit = max(1, min(limit, MAX_LIMIT))
    purpose = f"timeline:{entity_id}"
    position = decode_cursor(cursor, purpose=purpose) if cursor else None
    entries = seek(JournalEntry.objects.filter(entity_id=entity_id), [SortKey("id", descending=True)], position)
    rows = [
        TimelineRow(entry.pk, from_ms(entry.at_ms), entry.kind, entry.subject, entry.before, entry.after, entry.message)
        for entry in entries[: limit + 1]
    ]
    return cut_page(rows, limit=limit, purpose=purpose, position_of=lambda row: [row.id])

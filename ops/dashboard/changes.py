"""What happened lately, read from the journal and put into words."""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from core.clock import from_ms
from entities.models import Entity
from ops.dashboard.edits import VERBS
from ops.dashboard.listing import SEVERITY
from ops.journal.models import JournalEntry


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a timeline. ``entity_name`` is empty where the page is about one entity, or the entity is gone."""

    id: int
    at: dt.datetime
    glyph: str
    what: str
    message: str
    entity_name: str


def list_changes(*, entity_ids: Collection[int] | None = None, limit: int = 12) -> list[Change]:
    """Newest first; of all entities, or of those given."""
    rows = JournalEntry.objects.order_by("-id")
    if entity_ids is not None:
        rows = rows.filter(entity_id__in=entity_ids)
    entries = list(rows[:limit])
    names = (
        {}
        if entity_ids is not None
        else dict(Entity.objects.filter(pk__in={entry.entity_id for entry in entries}).values_list("pk", "name"))
    )
    return [
        Change(
            id=entry.pk,
            at=from_ms(entry.at_ms),
            glyph=entry.after if entry.after in SEVERITY else "",
            what=_what(entry),
            message=entry.message.replace("by user:", "by "),
            entity_name=names.get(entry.entity_id, ""),
        )
        for entry in entries
    ]


def _what(entry: JournalEntry) -> str:
    if entry.after in SEVERITY:
        return f"{entry.subject} turned {entry.after}"
    verb = entry.kind.rpartition(".")[2]
    return f"{entry.subject} was {VERBS.get(verb, verb.replace('_', ' '))}"

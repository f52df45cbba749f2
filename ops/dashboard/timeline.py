"""The timeline of an entity, a check or a queue: what happened to it, and who changed what, as one list."""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from core.permissions import Permission, Principal
from ops.dashboard.changes import Change, read_change
from ops.dashboard.edits import Edit, FieldChange, list_edits
from ops.journal.models import JournalEntry

_SAME_MOMENT = dt.timedelta(seconds=5)
"""An edit of a check leaves an audit entry and a line in the journal, in one transaction."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One line. ``key`` keeps its element through a morph; ``actor`` is empty for what happened by itself."""

    key: str
    at: dt.datetime
    glyph: str
    actor: str
    what: str
    message: str
    fields: tuple[FieldChange, ...] = ()


def read_timeline(
    *,
    principal: Principal,
    entity_id: int,
    target_uids: Collection[str],
    subject: str = "",
    area: str = "check",
    limit: int = 12,
) -> list[Moment]:
    """Newest first. Of the entity and ``target_uids``, those of it and what it has; or of one of these, the
    ``subject`` by name in its ``area``, ``check`` or ``queue``.

    Whoever may see the audit is told of an edit by its entry there, with the fields; others by the journal's line.
    """
    principal.require(Permission.CATALOG_VIEW)
    rows = JournalEntry.objects.filter(entity_id=entity_id).order_by("-id")
    if subject:
        rows = rows.filter(subject=subject, kind__startswith=f"{area}.")
    edits = list_edits(principal=principal, target_uids=target_uids, limit=limit)
    moments = [_of_edit(edit) for edit in edits]
    for entry in rows[:limit]:
        change = read_change(entry)
        if not any(_is_same(entry, change, edit) for edit in edits):
            moments.append(_of_change(change, without=subject))
    moments.sort(key=lambda moment: moment.at, reverse=True)
    return moments[:limit]


def _is_same(entry: JournalEntry, change: Change, edit: Edit) -> bool:
    return (
        entry.kind == edit.action
        and edit.target.endswith(f"/{entry.subject}")
        and abs(change.at - edit.at) < _SAME_MOMENT
    )


def _of_edit(edit: Edit) -> Moment:
    return Moment(f"edit-{edit.id}", edit.at, "", edit.actor, f"{edit.what} {edit.target}", "", tuple(edit.fields))


def _of_change(change: Change, *, without: str) -> Moment:
    what = change.what.removeprefix(f"{without} ") if without else change.what
    return Moment(f"change-{change.id}", change.at, change.glyph, "", what, change.message)

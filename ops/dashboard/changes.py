"""What happened lately, read from the journal and put into words."""

import datetime as dt
from dataclasses import dataclass

from django.db.models import Max

from core.clock import from_ms
from entities.domain import Lifecycle
from entities.filters import EVERY_ENTITY, EntityFilter, narrowed
from entities.models import Entity
from ops.breakers.domain import STATUSES, BreakerState
from ops.dashboard.edits import VERBS
from ops.dashboard.severity import SEVERITY
from ops.journal.models import JournalEntry

_LOOKED_THROUGH = 20_000
"""Of the journal's last entries so many are searched: a first start of 10,000 checks hides nothing before it."""


_ERRORS = {"new": "new error: {}", "regressed": "{} came back", "open": "{} was reopened", "surged": "surge of {}"}

_QUEUES = {
    "queue.peek": "messages of {} were looked at",
    "queue.peek_dead": "dead messages of {} were looked at",
    "queue.retry_dead": "dead messages of {} were retried",
    "queue.discard_dead": "dead messages of {} were discarded",
    "queue.pause_consumers": "the consumers of {} were paused",
    "queue.resume_consumers": "the consumers of {} were resumed",
}
_STATUSES = ("check.status", "queue.status")
_BY_ITSELF = (*_STATUSES, "breaker.state", "error.group")


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a list of changes. ``entity_name`` is empty where the entity is gone, or nobody asked for it."""

    id: int
    at: dt.datetime
    glyph: str
    what: str
    message: str
    entity_name: str = ""


def list_changes(*, owner: EntityFilter = EVERY_ENTITY, limit: int = 12) -> list[Change]:
    """Of the entities that pass, newest first. That a check or queue was found healthy at first sight is no change,
    and of an inactive entity only what people did is told."""
    newest = JournalEntry.objects.aggregate(newest=Max("id"))["newest"] or 0
    rows = (
        JournalEntry.objects.filter(pk__gt=newest - _LOOKED_THROUGH)
        .exclude(kind__in=_STATUSES, before="unknown", after="healthy")
        .exclude(
            kind__in=_BY_ITSELF,
            entity_id__in=Entity.objects.filter(lifecycle=Lifecycle.INACTIVE).order_by().values("id"),
        )
        .order_by("-id")
    )
    if owner != EVERY_ENTITY:
        rows = rows.filter(entity_id__in=narrowed(Entity.objects.order_by(), owner).values("id"))
    entries = list(rows[:limit])
    names = dict(Entity.objects.filter(pk__in={entry.entity_id for entry in entries}).values_list("pk", "name"))
    return [read_change(entry, entity_name=names.get(entry.entity_id, "")) for entry in entries]


def read_change(entry: JournalEntry, *, entity_name: str = "") -> Change:
    return Change(
        id=entry.pk,
        at=from_ms(entry.at_ms),
        glyph=_glyph(entry),
        what=_what(entry),
        message=entry.message.replace("by user:", "by "),
        entity_name=entity_name,
    )


def _glyph(entry: JournalEntry) -> str:
    if entry.kind == "breaker.state" and entry.after in set(BreakerState):
        return STATUSES[BreakerState(entry.after)].word
    return entry.after if entry.after in SEVERITY else ""


def _what(entry: JournalEntry) -> str:
    if entry.kind == "breaker.state" and entry.after in set(BreakerState):
        return f"{entry.subject} turned {BreakerState(entry.after).words}"
    if entry.after in SEVERITY:
        return f"{entry.subject} turned {entry.after}"
    if entry.kind == "breaker.control":
        return f"{entry.subject} was {VERBS.get(entry.after, entry.after)}"
    if entry.kind == "error.group":
        return _ERRORS.get(entry.after, "{} was {}").format(entry.subject, entry.after)
    verb = entry.kind.rpartition(".")[2]
    if entry.kind.startswith("queue.") and entry.after == "failed":
        return f"{entry.subject}: {verb.replace('_', ' ')} failed"
    if said := _QUEUES.get(entry.kind):
        return said.format(entry.subject)
    return f"{entry.subject} was {VERBS.get(verb, verb.replace('_', ' '))}"

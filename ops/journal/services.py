"""Writes to the journal, in the transaction of the change that an entry tells of."""

from collections.abc import Iterable
from dataclasses import dataclass

from ops.journal.models import JournalEntry


@dataclass(frozen=True, slots=True)
class NewEntry:
    """``kind`` is a dotted word such as ``check.status``; ``subject`` names the thing, such as the check."""

    entity_id: int
    at_ms: int
    kind: str
    subject: str
    before: str = ""
    after: str = ""
    message: str = ""


def record_entries(entries: Iterable[NewEntry]) -> None:
    """Append all of them in one statement; texts that are too long are cut."""
    JournalEntry.objects.bulk_create(
        JournalEntry(
            entity_id=entry.entity_id,
            at_ms=entry.at_ms,
            kind=entry.kind,
            subject=entry.subject[:100],
            before=entry.before[:32],
            after=entry.after[:32],
            message=entry.message[:500],
        )
        for entry in entries
    )

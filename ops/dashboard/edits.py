"""Who changed what lately, read from the audit and put into words."""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from core.audit import actor_words
from core.models import AuditEntry
from core.permissions import Permission, Principal
from core.secrets import MASK

SHOWN_FIELDS = 4
VERBS = {
    "unconfirmed": "had no answer about",
    "create": "created",
    "update": "changed",
    "delete": "deleted",
    "pause": "paused",
    "resume": "resumed",
    "run": "run",
    "resolve": "resolved",
    "mute": "muted",
    "reopen": "reopened",
    "assign": "assigned",
    "revoke": "revoked",
    "force_open": "forced open",
    "close": "closed",
    "disable": "disabled",
    "reset": "reset",
    "peek": "looked at messages of",
    "peek_dead": "looked at dead messages of",
    "retry_dead": "retried dead messages of",
    "discard_dead": "discarded dead messages of",
    "purge": "purged",
    "pause_consumers": "paused the consumers of",
    "resume_consumers": "resumed the consumers of",
}
"""The last word of an action or of a journal entry's kind, as a participle."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Edit:
    """One audited action.

    ``action`` is its code; ``actor`` is a person's name, or says which token or part of the platform acted.
    ``reason`` is what they gave as one, where the action asks for it.
    """

    id: int
    at: dt.datetime
    action: str
    actor: str
    what: str
    target: str
    fields: list[FieldChange]
    reason: str = ""


def list_edits(*, principal: Principal, target_uids: Collection[str], limit: int = 10) -> list[Edit]:
    """Newest first; none for a principal who may not see the audit."""
    if not principal.may(Permission.AUDIT_VIEW):
        return []
    rows = AuditEntry.objects.filter(target_uid__in=target_uids).order_by("-id")[:limit]
    return [
        Edit(
            id=row.pk,
            at=row.at,
            action=row.action,
            actor=actor_words(row.actor),
            what=_verb(row.action),
            target=f"{row.target_type} {row.target_name}",
            fields=_fields(row.before, row.after) if row.before else [],
            reason=str((row.after or {}).get("reason", "")),
        )
        for row in rows
    ]


def _verb(action: str) -> str:
    verb = action.rpartition(".")[2]
    return "ran" if verb == "run" else VERBS.get(verb, verb.replace("_", " "))


def _fields(before: dict[str, Any], after: dict[str, Any] | None) -> list[FieldChange]:
    after = after or {}
    # Of a secret the entry has the mask twice: what is new is not told, but that it is.
    names = [
        name for name in {**before, **after} if before.get(name) != after.get(name) or MASK in str(after.get(name))
    ]
    return [FieldChange(name, _value(before.get(name)), _value(after.get(name))) for name in names[:SHOWN_FIELDS]]


def _value(value: Any) -> str:
    if value in (None, "", [], {}):
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        value = ", ".join(f"{key}: {item}" for key, item in value.items())
    elif isinstance(value, list):
        value = ", ".join(str(item.get("name", item)) if isinstance(item, dict) else str(item) for item in value)
    text = str(value)
    return text if len(text) <= 80 else f"{text[:79]}…"

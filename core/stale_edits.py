"""A form that was begun before somebody else saved: what they changed, so that its writer decides what holds."""

from collections.abc import Sequence

from core.audit import actor_words
from core.form_fields import FilledForm, FormField, StaleEdit, StoredField
from core.models import AuditEntry

LOOKED_AT = 50
VALUE_SHOWN = 200
_WRITES = ("update", "pause", "resume")
"""What raises the version, as the last word of its action."""


def read_version(text: str) -> int:
    """A version as a form sends it; for anything else 0, which nothing that is stored ever is at: then it is stale."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def read_stale_edit(
    *, target_type: str, target_uid: str, begun_at: int, version: int, typed: FilledForm, stored: FilledForm
) -> StaleEdit:
    """``begun_at`` is the version that the form was begun at, ``version`` and ``stored`` are those of now."""
    actions = [f"{target_type}.{verb}" for verb in _WRITES]
    entries = AuditEntry.objects.filter(target_type=target_type, target_uid=target_uid, action__in=actions)
    since = list(entries.order_by("-id")[: max(0, min(version - begun_at, LOOKED_AT))])
    changed = {name for entry in since for name in (*(entry.before or {}), *(entry.after or {}))}
    return StaleEdit(
        version=version,
        actor=actor_words(since[0].actor) if since else "",
        at=since[0].at if since else None,
        fields=_differing([field for field in stored.fields if field.name in changed], typed),
    )


def _differing(stored: Sequence[FormField], typed: FilledForm) -> tuple[StoredField, ...]:
    return tuple(
        StoredField(field.name, field.label, _shown(field))
        for field in stored
        if field.kind == "secret" or _plain(field.value) != _plain(typed[field.name].value)
    )


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").strip()


def _shown(field: FormField) -> str:
    if field.kind == "secret":
        return "another secret" if field.value else ""
    if field.kind == "checkbox":
        return "on" if field.value else "off"
    text = dict(field.options).get(field.value, field.value)
    return text if len(text) <= VALUE_SHOWN else f"{text[: VALUE_SHOWN - 1]}…"

"""What every write of a check leaves behind: an audit entry without secrets, and a line in the entity's timeline."""

from typing import Any

from core.audit import record_action
from core.errors import NotFound, StaleVersion
from core.permissions import Principal
from ops.health.definition import mask_document
from ops.health.models import Check
from ops.journal.services import NewEntry, record_entries


def find_for_update(uid: str, *, expected_version: int | None = None) -> Check:
    """The check with its entity, its row locked. Raises ``NotFound`` and ``StaleVersion``."""
    check = None
    if "\0" not in uid:
        check = (
            Check.objects.select_for_update(of=("self",), no_key=True).select_related("entity").filter(uid=uid).first()
        )
    if check is None:
        raise NotFound(f"There is no check {uid[:80]!r}")
    if expected_version is not None and check.version != expected_version:
        raise StaleVersion(f"{check.name} is at version {check.version}, not {expected_version}")
    return check


def record_check_action(
    principal: Principal,
    action: str,
    check: Check,
    *,
    now_ms: int,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    record_action(
        principal=principal,
        action=action,
        target_type="check",
        target_uid=check.uid,
        target_name=f"{check.entity.name}/{check.name}",
        before=None if before is None else mask_document(before, kind=before.get("kind", check.kind)),
        after=None if after is None else mask_document(after, kind=check.kind),
    )
    fields = ", ".join(after) if action == "check.update" and after else ""
    message = f"by {principal.name}" + (f": {fields}" if fields else "")
    record_entries([NewEntry(check.entity_id, at_ms=now_ms, kind=action, subject=check.name, message=message)])

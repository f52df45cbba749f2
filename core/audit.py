"""The audit: who did what to which thing, written by services in the transaction of the change itself."""

from typing import Any

from core.models import AuditEntry
from core.permissions import Principal
from core.telemetry.logging import current_request_id


def record_action(
    *,
    principal: Principal,
    action: str,
    target_type: str,
    target_uid: str,
    target_name: str,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Append one entry. ``before`` and ``after`` are JSON values without secrets; of an update, the changed fields."""
    AuditEntry.objects.create(
        actor=principal.name,
        action=action,
        target_type=target_type,
        target_uid=target_uid,
        target_name=target_name,
        before=before,
        after=after,
        request_id=current_request_id(),
    )


def actor_words(actor: str) -> str:
    """The actor of an entry as pages tell it: a person's name, or which token or part of the platform acted."""
    kind, _, name = actor.partition(":")
    return name if kind == "user" else f"{kind} {name}"

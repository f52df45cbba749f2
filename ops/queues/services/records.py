"""What is done to a queue leaves an audit entry behind, and a line in the entity's timeline."""

from typing import Any

from core.audit import record_action
from core.permissions import Principal
from ops.journal.services import NewEntry, record_entries
from ops.queues.models import Queue


def audit_queue_action(
    principal: Principal,
    action: str,
    queue: Queue,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    record_action(
        principal=principal,
        action=action,
        target_type="queue",
        target_uid=queue.uid,
        target_name=f"{queue.entity.name}/{queue.name}",
        before=before,
        after=after,
    )


def note_queue_action(
    principal: Principal, action: str, queue: Queue, *, now_ms: int, words: str = "", after: str = ""
) -> None:
    message = f"by {principal.name}" + (f": {words}" if words else "")
    entry = NewEntry(queue.entity_id, at_ms=now_ms, kind=action, subject=queue.name, after=after, message=message)
    record_entries([entry])

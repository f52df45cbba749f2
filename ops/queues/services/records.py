"""What every write of a queue leaves behind: an audit entry without secrets, and a line in the entity's timeline."""

from typing import Any

from core.audit import record_action
from core.errors import NotFound, StaleVersion
from core.permissions import Principal
from ops.journal.services import NewEntry, record_entries
from ops.queues.definition import mask_document
from ops.queues.models import Queue


def find_queue(uid: str) -> Queue:
    """The queue with its entity. Raises ``NotFound``."""
    queue = None if "\0" in uid else Queue.objects.select_related("entity").filter(uid=uid).first()
    if queue is None:
        raise NotFound(f"There is no queue {uid[:80]!r}")
    return queue


def find_for_update(uid: str, *, expected_version: int | None = None) -> Queue:
    """As ``find_queue``, its row locked. Raises ``NotFound`` and ``StaleVersion``."""
    queue = None
    if "\0" not in uid:
        rows = Queue.objects.select_for_update(of=("self",), no_key=True).select_related("entity")
        queue = rows.filter(uid=uid).first()
    if queue is None:
        raise NotFound(f"There is no queue {uid[:80]!r}")
    if expected_version is not None and queue.version != expected_version:
        raise StaleVersion(f"{queue.name} is at version {queue.version}, not {expected_version}")
    return queue


def record_queue_action(
    principal: Principal,
    action: str,
    queue: Queue,
    *,
    now_ms: int,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    audit_queue_action(
        principal,
        action,
        queue,
        before=None if before is None else mask_document(before, kind=before.get("kind", queue.kind)),
        after=None if after is None else mask_document(after, kind=queue.kind),
    )
    fields = ", ".join(after) if action == "queue.update" and after else ""
    note_queue_action(principal, action, queue, now_ms=now_ms, words=fields)


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

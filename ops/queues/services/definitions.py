"""Create, edit, pause and delete queues."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.utils import timezone

from core.clock import database_now_ms
from core.errors import Conflict, FieldError, ValidationFailed
from core.permissions import Permission, Principal
from core.revision import changing, mark_changed
from entities.domain import Lifecycle
from entities.lifecycle import lock_catalogue
from entities.models import Entity
from entities.selectors import find_entity
from ops.queues.definition import (
    COMMON_FIELDS,
    QUEUES_PER_ENTITY_MAX,
    QueueDefinition,
    changed_fields,
    definition_of,
    document_of,
    keep_secrets,
    with_changes,
)
from ops.queues.models import Queue
from ops.queues.services import schedule
from ops.queues.services.records import find_for_update, record_queue_action

CREATED_TOGETHER = dt.timedelta(minutes=1)
"""Queues created within this time count as created together, and do not all start at once."""


@dataclass(frozen=True, slots=True)
class QueueVersion:
    """A queue as a write left it; ``action`` is None when nothing was to be written."""

    id: int
    uid: str
    name: str
    version: int
    action: Literal["create", "update", "delete"] | None
    changed: Mapping[str, tuple[Any, Any]]


@changing()
def create_queue(*, principal: Principal, entity_ref: str, definition: QueueDefinition) -> QueueVersion:
    """Add a queue to the entity of that uid or name; it is looked at at once.

    Raises ``NotFound`` for the entity, ``Conflict`` when it has a queue of that name, ``ValidationFailed`` when it has
    ``QUEUES_PER_ENTITY_MAX`` already.
    """
    principal.require(Permission.CATALOG_EDIT)
    lock_catalogue()
    together = _count_created_lately()
    entity = find_entity(entity_ref)
    saved = _create(principal, entity, definition, database_now_ms(), together=together)
    mark_changed()
    return saved


@changing()
def update_queue(
    *, principal: Principal, uid: str, changes: Mapping[str, Any], expected_version: int | None = None
) -> QueueVersion:
    """Set the given fields, each to a whole new value; the others stay.

    Raises ``NotFound``, ``StaleVersion`` when ``expected_version`` is not the stored one, ``Conflict`` when the entity
    has another queue of the new name, and as ``parse_queue``.
    """
    principal.require(Permission.CATALOG_EDIT)
    lock_catalogue()
    queue = find_for_update(uid, expected_version=expected_version)
    return _edit_one(principal, queue, with_changes(definition_of(queue), changes))


@changing()
def replace_queue(
    *, principal: Principal, uid: str, definition: QueueDefinition, expected_version: int | None = None
) -> QueueVersion:
    """Make the queue say exactly what ``definition`` says; the same again writes nothing.

    Raises as ``update_queue``.
    """
    principal.require(Permission.CATALOG_EDIT)
    lock_catalogue()
    return _edit_one(principal, find_for_update(uid, expected_version=expected_version), definition)


def pause_queue(*, principal: Principal, uid: str) -> None:
    """Look at it no longer; pausing a paused one changes nothing. Its consumers go on. Raises ``NotFound``."""
    _set_paused(principal, uid, paused=True)


def resume_queue(*, principal: Principal, uid: str) -> None:
    """Look at it again, at once; unknown until then. Raises ``NotFound``."""
    _set_paused(principal, uid, paused=False)


@changing()
def delete_queue(*, principal: Principal, uid: str, expected_version: int | None = None) -> None:
    """Remove the queue; its samples go by and by (``retention``). Raises ``NotFound`` and ``StaleVersion``."""
    principal.require(Permission.CATALOG_EDIT)
    lock_catalogue()
    _delete(principal, find_for_update(uid, expected_version=expected_version), database_now_ms())
    mark_changed()


@changing()
def save_queues(
    *, principal: Principal, entity_id: int, definitions: Sequence[QueueDefinition], delete_others: bool
) -> list[QueueVersion]:
    """Create or edit the entity's queues of those names, all or none; the answer lists those that changed.

    Raises as ``create_queue``.
    """
    principal.require(Permission.CATALOG_EDIT)
    lock_catalogue()
    now = database_now_ms()
    entity = Entity.objects.get(pk=entity_id)
    rows = Queue.objects.select_for_update(of=("self",), no_key=True).select_related("entity").filter(entity=entity)
    stored = {queue.name: queue for queue in rows.order_by("pk")}
    wanted = {definition.name for definition in definitions}
    schedule.lock_states([queue.pk for queue in stored.values()])
    saved = []
    if delete_others:
        saved = [_delete(principal, queue, now) for name, queue in stored.items() if name not in wanted]
    together = _count_created_lately()
    for number, definition in enumerate(definitions, start=together):
        if (queue := stored.get(definition.name)) is None:
            saved.append(_create(principal, entity, definition, now, together=number))
        else:
            saved.append(_edit(principal, queue, definition, now, together=number - together))
    written = [item for item in saved if item.action]
    if written:
        mark_changed()
    return written


def _count_created_lately() -> int:
    return Queue.objects.filter(created_at__gt=timezone.now() - CREATED_TOGETHER).count()


def _create(
    principal: Principal, entity: Entity, definition: QueueDefinition, now_ms: int, *, together: int
) -> QueueVersion:
    definition = keep_secrets(definition, None)
    _refuse_taken_name(entity.pk, definition.name)
    if Queue.objects.filter(entity=entity).count() >= QUEUES_PER_ENTITY_MAX:
        full = f"{entity.name} has {QUEUES_PER_ENTITY_MAX} queues, which is the limit"
        raise ValidationFailed(full, errors=(FieldError("entity", full),))
    queue = Queue(entity=entity)
    _write_row(queue, definition)
    schedule.create_state(queue, is_running=_is_running(queue), now_ms=now_ms, together=together)
    document = definition.document()
    record_queue_action(principal, "queue.create", queue, now_ms=now_ms, after=document)
    return _version(queue, "create", {name: (None, value) for name, value in document.items()})


def _edit_one(principal: Principal, queue: Queue, definition: QueueDefinition) -> QueueVersion:
    saved = _edit(principal, queue, definition, database_now_ms())
    if saved.action:
        mark_changed()
    return saved


def _edit(
    principal: Principal, queue: Queue, definition: QueueDefinition, now_ms: int, *, together: int = 0
) -> QueueVersion:
    definition = keep_secrets(definition, queue)
    changed = changed_fields(queue, definition)
    if not changed:
        return _version(queue, None, {})
    if "name" in changed:
        _refuse_taken_name(queue.entity_id, definition.name)
    was_running = _is_running(queue)
    queue.version += 1
    _write_row(queue, definition)
    if not _is_running(queue):
        schedule.stop(queue, now_ms=now_ms)
    elif was_running:
        schedule.restart(queue, now_ms=now_ms, together=together)
    else:
        schedule.start(queue, now_ms=now_ms, together=together)
    if _is_other_source(changed):
        schedule.forget_seen(queue, now_ms=now_ms)
    before = {name: old for name, (old, _) in changed.items()}
    after = {name: new for name, (_, new) in changed.items()}
    record_queue_action(principal, "queue.update", queue, now_ms=now_ms, before=before, after=after)
    return _version(queue, "update", changed)


@changing()
def _set_paused(principal: Principal, uid: str, *, paused: bool) -> None:
    principal.require(Permission.CATALOG_EDIT)
    lock_catalogue()  # the entity must not become inactive meanwhile
    queue = find_for_update(uid)
    if queue.paused == paused:
        return
    now = database_now_ms()
    queue.paused = paused
    queue.version += 1
    queue.save(update_fields=["paused", "version", "updated_at"])
    if _is_running(queue):
        schedule.start(queue, now_ms=now)
    else:
        schedule.stop(queue, now_ms=now)
    action = "queue.pause" if paused else "queue.resume"
    record_queue_action(principal, action, queue, now_ms=now, before={"paused": not paused}, after={"paused": paused})
    mark_changed()


def _delete(principal: Principal, queue: Queue, now_ms: int) -> QueueVersion:
    document = document_of(queue)
    gone = _version(queue, "delete", {name: (value, None) for name, value in document.items()})
    schedule.lock_states([queue.pk])
    queue.delete()
    record_queue_action(principal, "queue.delete", queue, now_ms=now_ms, before=document)
    return gone


def _is_running(queue: Queue) -> bool:
    return not queue.paused and queue.entity.lifecycle == Lifecycle.ACTIVE


def _is_other_source(changed: Mapping[str, tuple[Any, Any]]) -> bool:
    """Whether it is looked for elsewhere. Another secret opens the same door: both its values are the mask."""
    return any(old != new and (name == "kind" or name not in COMMON_FIELDS) for name, (old, new) in changed.items())


def _refuse_taken_name(entity_id: int, name: str) -> None:
    if Queue.objects.filter(entity_id=entity_id, name=name).exists():
        taken = FieldError("name", "is already taken")
        raise Conflict(f"The entity already has a queue named {name!r}", errors=(taken,))


def _write_row(queue: Queue, definition: QueueDefinition) -> None:
    common = definition.common
    queue.name, queue.kind, queue.config = common.name, common.kind, definition.stored_config
    queue.max_size, queue.max_age_ms = common.max_size, common.max_age
    queue.warn_size, queue.warn_age_ms = common.warn_size, common.warn_age
    queue.min_consumers, queue.breach_within_ms = common.min_consumers, common.breach_within
    queue.interval_ms, queue.timeout_ms = common.interval, common.timeout
    queue.paused = common.paused
    queue.save()


def _version(
    queue: Queue, action: Literal["create", "update", "delete"] | None, changed: Mapping[str, tuple[Any, Any]]
) -> QueueVersion:
    return QueueVersion(queue.pk, queue.uid, queue.name, queue.version, action, changed)

"""Create, edit, pause and delete queues."""

from collections.abc import Collection, Sequence

from core.clock import database_now_ms
from core.permissions import Permission, Principal
from core.revision import changing, mark_changed
from entities.domain import Lifecycle
from entities.lifecycle import lock_catalogue
from ops.definitions.definition import Changes
from ops.definitions.writing import Edit, Writer
from ops.queues.definition import COMMON_FIELDS, DEFINITIONS, CommonFields, QueueDefinition
from ops.queues.models import Queue
from ops.queues.services import schedule
from ops.queues.sources.source import QueueSource

type QueueEdit = Edit[CommonFields, QueueSource, Queue]


class _QueueEngine:
    def fill(self, row: Queue, common: CommonFields) -> None:
        row.max_size, row.max_age_ms = common.max_size, common.max_age
        row.warn_size, row.warn_age_ms = common.warn_size, common.warn_age
        row.min_consumers, row.breach_within_ms = common.min_consumers, common.breach_within
        row.interval_ms, row.timeout_ms = common.interval, common.timeout

    def begin(self, edit: QueueEdit, *, now_ms: int, together: int) -> None:
        schedule.create_state(edit.row, is_running=edit.is_running, now_ms=now_ms, together=together)

    def follow(self, edit: QueueEdit, *, now_ms: int, together: int) -> None:
        if not edit.is_running:
            schedule.stop(edit.row, now_ms=now_ms)
        elif edit.was_running:
            schedule.restart(edit.row, now_ms=now_ms, together=together)
        else:
            schedule.start(edit.row, now_ms=now_ms, together=together)
        if _is_other_source(edit.changed):
            schedule.forget_seen(edit.row, now_ms=now_ms)

    def lock(self, keys: Collection[int]) -> None:
        schedule.lock_states(keys)

    def end(self, row: Queue, *, now_ms: int) -> None:
        """Its state goes by cascade."""

    def judge(self, entity_name: str, definitions: Sequence[QueueDefinition]) -> None:
        """Every one of them can be."""


def _is_other_source(changed: Changes) -> bool:
    """Whether it is looked for elsewhere. Another secret opens the same door: both its values are the mask."""
    return any(old != new and (name == "kind" or name not in COMMON_FIELDS) for name, (old, new) in changed.items())


QUEUE_WRITER: Writer[CommonFields, QueueSource, Queue] = Writer(DEFINITIONS, _QueueEngine())

create_queue = QUEUE_WRITER.create
replace_queue = QUEUE_WRITER.replace
update_queue = QUEUE_WRITER.update
delete_queue = QUEUE_WRITER.delete


def pause_queue(*, principal: Principal, uid: str) -> None:
    """Look at it no longer; pausing a paused one changes nothing. Its consumers go on. Raises ``NotFound``."""
    _set_paused(principal, uid, paused=True)


def resume_queue(*, principal: Principal, uid: str) -> None:
    """Look at it again, at once; unknown until then. Raises ``NotFound``."""
    _set_paused(principal, uid, paused=False)


@changing()
def _set_paused(principal: Principal, uid: str, *, paused: bool) -> None:
    principal.require(Permission.CATALOG_EDIT)
    lock_catalogue()  # the entity must not become inactive meanwhile
    queue = QUEUE_WRITER.find_for_update(uid)
    if queue.paused == paused:
        return
    now = database_now_ms()
    queue.paused = paused
    queue.version += 1
    queue.save(update_fields=["paused", "version", "updated_at"])
    if paused or queue.entity.lifecycle != Lifecycle.ACTIVE:
        schedule.stop(queue, now_ms=now)
    else:
        schedule.start(queue, now_ms=now)
    verb = "pause" if paused else "resume"
    QUEUE_WRITER.record(principal, verb, queue, now_ms=now, before={"paused": not paused}, after={"paused": paused})
    mark_changed()

"""What operators do with messages and consumers, where the source can: look at them, delete, retry, pause, resume.

The source is asked outside of any transaction, within ``ACTION_SECONDS``; what came of it is audited afterwards, also
when it failed. Peeking is audited too: payloads can be personal.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import structlog
import uvloop

from core.clock import database_now_ms
from core.egress import current_policy
from core.errors import Conflict, FieldError, Unavailable, ValidationFailed
from core.permissions import Permission, Principal
from core.revision import changing, mark_changed
from ops.probing.probe import ProbeContext, ProbeFailed
from ops.probing.stopped import why_stopped
from ops.queues.models import Queue
from ops.queues.payloads import shown_body, shown_headers
from ops.queues.prepared import PreparedQueue, prepare_queue
from ops.queues.services import schedule
from ops.queues.services.records import audit_queue_action, find_queue, note_queue_action
from ops.queues.sources.source import DeadLettered, Message, Pausable, Peekable, Purgeable

log = structlog.get_logger(__name__)

ACTION_SECONDS = 4.0
PEEK_MAX = 100
KEYS_MAX = 1_000
KEY_MAX_LENGTH = 500


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """A message as it may be shown: ``body`` and ``headers`` are cut and without what looks secret; hostile text."""

    key: str
    body: str
    size_bytes: int
    age_seconds: float | None
    headers: Mapping[str, str]


def peek(*, principal: Principal, uid: str, limit: int = 20) -> list[ShownMessage]:
    """The next messages, the oldest first, at most ``PEEK_MAX``; they stay where they are.

    Raises ``NotFound``, ``Conflict`` for a source that cannot, ``Unavailable`` when it fails.
    """
    limit = max(1, min(limit, PEEK_MAX))
    asked = _Action("queue.peek", Peekable, lambda source, *to: source.peek(*to, limit=limit))
    return _show(asked.run_to_look(principal, _find(principal, uid)), limit)


def peek_dead(*, principal: Principal, uid: str, limit: int = 20) -> list[ShownMessage]:
    """As ``peek``, of the messages that were given up."""
    limit = max(1, min(limit, PEEK_MAX))
    asked = _Action("queue.peek_dead", DeadLettered, lambda source, *to: source.peek_dead(*to, limit=limit))
    return _show(asked.run_to_look(principal, _find(principal, uid)), limit)


def purge(*, principal: Principal, uid: str, confirm: str) -> int:
    """Delete all that waits; how many messages it were. ``confirm`` is the name of the queue, typed by a person.

    Raises as ``peek``, and ``ValidationFailed`` for another name.
    """
    queue = _find(principal, uid)
    if confirm != queue.name:
        wrong = FieldError("confirm", f"type the name of the queue, {queue.name}")
        raise ValidationFailed("The purge is not confirmed", errors=(wrong,))
    return _Action("queue.purge", Purgeable, lambda source, *to: source.purge(*to)).run(principal, queue)


def pause_consumers(*, principal: Principal, uid: str) -> int:
    """Stop consuming; how many consumers took notice. Raises as ``peek``."""
    asked = _Action("queue.pause_consumers", Pausable, lambda source, *to: source.pause(*to))
    return asked.run(principal, _find(principal, uid))


def resume_consumers(*, principal: Principal, uid: str) -> int:
    """Consume again; how many consumers took notice. Raises as ``peek``."""
    asked = _Action("queue.resume_consumers", Pausable, lambda source, *to: source.resume(*to))
    return asked.run(principal, _find(principal, uid))


def retry_dead(*, principal: Principal, uid: str, keys: Sequence[str]) -> int:
    """Put dead messages back into their queue; how many were found. Raises as ``peek``, and ``ValidationFailed``."""
    queue = _find(principal, uid)
    _refuse_keys(keys)
    asked = _Action("queue.retry_dead", DeadLettered, lambda source, *to: source.retry_dead(*to, keys))
    return asked.run(principal, queue)


def discard_dead(*, principal: Principal, uid: str, keys: Sequence[str]) -> int:
    """Delete dead messages; how many were found. Raises as ``retry_dead``."""
    queue = _find(principal, uid)
    _refuse_keys(keys)
    asked = _Action("queue.discard_dead", DeadLettered, lambda source, *to: source.discard_dead(*to, keys))
    return asked.run(principal, queue)


def _find(principal: Principal, uid: str) -> Queue:
    principal.require(Permission.QUEUES_MANAGE)
    return find_queue(uid)


def _refuse_keys(keys: Sequence[str]) -> None:
    if not 1 <= len(keys) <= KEYS_MAX or any(len(key) > KEY_MAX_LENGTH for key in keys):
        wrong = FieldError("keys", f"1 to {KEYS_MAX} keys as peeking told them")
        raise ValidationFailed("The messages are not named", errors=(wrong,))


def _show(messages: Sequence[Message], limit: int) -> list[ShownMessage]:
    return [
        ShownMessage(
            key=message.key,
            body=shown_body(message.body),
            size_bytes=message.size_bytes,
            age_seconds=message.age_seconds,
            headers=shown_headers(message.headers),
        )
        for message in messages[:limit]
    ]


@dataclass(frozen=True, slots=True)
class _Action:
    """``call`` is given a source that fulfils ``ability``, its fields, and the context."""

    name: str
    ability: Any
    call: Callable[..., Awaitable[Any]]

    def run_to_look(self, principal: Principal, queue: Queue) -> Sequence[Message]:
        found: Sequence[Message] = self._ask(principal, queue)
        with changing():
            audit_queue_action(principal, self.name, queue, after={"messages": len(found)})
        return found

    def run(self, principal: Principal, queue: Queue) -> int:
        """Afterwards the queue is looked at, so that pages show what became of it."""
        count: int = self._ask(principal, queue)
        with changing():
            now = database_now_ms()
            audit_queue_action(principal, self.name, queue, after={"count": count})
            note_queue_action(principal, self.name, queue, now_ms=now, words=str(count))
            schedule.bring_forward(queue.pk, now_ms=now)
            mark_changed()
        return count

    def _ask(self, principal: Principal, queue: Queue) -> Any:
        """Raises ``Conflict``, and ``Unavailable``; then it is not known how far it came."""
        prepared = prepare_queue(queue)
        if prepared.defect:
            raise Conflict(f"{queue.name} cannot be reached: {prepared.defect}")
        if not isinstance(prepared.source, self.ability):
            words = self.name.removeprefix("queue.").replace("_", " ")
            raise Conflict(f"A queue of the kind {queue.kind} does not offer this: {words}")
        failure = why_stopped(prepared.source.targets(prepared.config))
        try:
            if not failure:
                return _run(self._within_time(prepared))
        except ProbeFailed as failed:
            failure = failed.message
        except TimeoutError:
            failure = f"no answer within {ACTION_SECONDS:g} s"
        except Exception as error:
            log.exception("queues.action_crashed", action=self.name, kind=queue.kind)
            failure = f"the action itself failed: {type(error).__name__}"
        with changing():
            audit_queue_action(principal, self.name, queue, after={"failed": failure[:200]})
        raise Unavailable(f"{queue.name}: {failure}")

    async def _within_time(self, prepared: PreparedQueue) -> Any:
        async with asyncio.timeout(ACTION_SECONDS):
            return await self.call(prepared.source, prepared.config, ProbeContext(ACTION_SECONDS, current_policy()))


def _run(action: Coroutine[Any, Any, Any]) -> Any:
    """Raises what the action does, and ``TimeoutError`` for one that does not end by itself."""
    running = asyncio.run_coroutine_threadsafe(action, _loop())
    try:
        return running.result(timeout=ACTION_SECONDS + 0.5)
    except TimeoutError:
        running.cancel()
        raise


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """Made by the first action, hence after the server forked."""
    loop = uvloop.new_event_loop()
    threading.Thread(target=loop.run_forever, name="queue-actions", daemon=True).start()
    return loop

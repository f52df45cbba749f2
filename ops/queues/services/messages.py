"""What operators do with messages and consumers, where the source can: look at them, delete, retry, pause, resume.

The source is asked outside of any transaction, within ``ACTION_SECONDS``. What is going to be done is audited first,
so that a process that dies leaves a trace; what came of it is in the timeline, also when it failed. Peeking is audited
before anything is shown: payloads can be personal.
"""

import asyncio
import re
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import structlog
import uvloop

from core.clock import database_now_ms
from core.egress import current_policy
from core.errors import Conflict, FieldError, Unavailable, ValidationFailed
from core.permissions import Permission, Principal
from core.revision import changing, mark_changed
from core.text import LINE_PATTERN
from ops.probing.probe import ProbeContext, ProbeFailed
from ops.probing.stopped import why_stopped
from ops.queues.definition import DEFINITIONS
from ops.queues.models import Queue
from ops.queues.payloads import shown_body, shown_headers
from ops.queues.prepared import PreparedQueue, prepare_queue
from ops.queues.services import schedule
from ops.queues.services.consumers import forget_paused, paused_consumers, remember_paused
from ops.queues.services.records import audit_queue_action, note_queue_action
from ops.queues.sources.abilities import abilities_of
from ops.queues.sources.source import Consumer, Message

log = structlog.get_logger(__name__)

ACTION_SECONDS = 4.0
PEEK_MAX = 100
KEYS_MAX = 1_000
KEY_MAX_LENGTH = 500
CONTAINS_MAX_LENGTH = 200
CONSUMERS_TOLD = 100
FAILED = "failed"
"""What the timeline says of an action of which it is not known how far it came."""


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """A message as it may be shown: ``body`` and ``headers`` are cut and without what looks secret; hostile text."""

    key: str
    body: str
    size_bytes: int
    age_seconds: float | None
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Swept:
    """How many dead messages an action on all of them concerned, and whether more are left."""

    count: int
    has_more: bool


def peek(*, principal: Principal, uid: str, limit: int = 20) -> list[ShownMessage]:
    """The next messages, the oldest first, at most ``PEEK_MAX``; they stay where they are.

    Raises ``NotFound``, ``Conflict`` for a source that cannot, ``Unavailable`` when it fails.
    """
    limit = max(1, min(limit, PEEK_MAX))
    asked = _Action("queue.peek", "peek", lambda source, *to: source.peek(*to, limit=limit))
    return _show(asked.run_to_look(principal, _find(principal, uid)), limit)


def peek_dead(*, principal: Principal, uid: str, limit: int = 20) -> list[ShownMessage]:
    """As ``peek``, of the messages that were given up."""
    limit = max(1, min(limit, PEEK_MAX))
    asked = _Action("queue.peek_dead", "peek_dead", lambda source, *to: source.peek_dead(*to, limit=limit))
    return _show(asked.run_to_look(principal, _find(principal, uid)), limit)


def purge(*, principal: Principal, uid: str, confirm: str) -> int:
    """Delete all that waits; how many messages it were. ``confirm`` is the name of the queue, typed by a person.

    Raises as ``peek``, and ``ValidationFailed`` for another name.
    """
    queue = _find(principal, uid)
    if confirm != queue.name:
        wrong = FieldError("confirm", f"type the name of the queue, {queue.name}")
        raise ValidationFailed("The purge is not confirmed", errors=(wrong,))
    return _Action("queue.purge", "purge", lambda source, *to: source.purge(*to)).run(principal, queue)


def pause_consumers(*, principal: Principal, uid: str) -> int:
    """Have those stop that consume; how many took notice. Raises as ``peek``, and ``Conflict`` when none is known.

    They are remembered before they are told.
    """
    queue = _find(principal, uid)
    finding = _Action("queue.pause_consumers", "pause", lambda source, *to: source.consumers(*to))
    found: Sequence[Consumer] = finding.ask(queue)
    if not found:
        raise Conflict(f"{queue.name}: no consumer of it answers")
    remember_paused(queue, found)

    async def pause(source: Any, *to: Any) -> int:
        return len(await source.pause(*to, found))

    return replace(finding, call=pause).run(principal, queue, consumers=_names(found))


def resume_consumers(*, principal: Principal, uid: str) -> int:
    """Have those consume again that were paused from here; how many took notice.

    Raises as ``peek``, and ``Conflict`` when none was paused. One that does not answer is told again the next time.
    """
    queue = _find(principal, uid)
    paused = paused_consumers(queue)
    done: list[Consumer] = []

    async def resume(source: Any, *to: Any) -> int:
        done.extend(await source.resume(*to, paused))
        return len(done)

    asked = _Action("queue.resume_consumers", "resume", resume)
    asked.prepare(queue)
    if not paused:
        raise Conflict(f"{queue.name}: no consumer of it is known to have been paused from here")
    count = asked.run(principal, queue, consumers=_names(paused))
    forget_paused(queue, done)
    return count


def _names(consumers: Sequence[Consumer]) -> list[str]:
    return [consumer.name for consumer in consumers[:CONSUMERS_TOLD]]


def retry_dead(*, principal: Principal, uid: str, keys: Sequence[str]) -> int:
    """Put dead messages back into their queue; how many were found. Raises as ``peek``, and ``ValidationFailed``."""
    queue = _find(principal, uid)
    _refuse_keys(keys)
    return _retrying(keys).run(principal, queue)


def discard_dead(*, principal: Principal, uid: str, keys: Sequence[str]) -> int:
    """Delete dead messages; how many were found. Raises as ``retry_dead``."""
    queue = _find(principal, uid)
    _refuse_keys(keys)
    return _discarding(keys).run(principal, queue)


def retry_all_dead(*, principal: Principal, uid: str, contains: str = "") -> Swept:
    """Put back the dead messages whose body contains the text, the oldest ``KEYS_MAX``. Raises as ``retry_dead``."""
    return _sweep(principal, uid, contains, _retrying)


def discard_all_dead(*, principal: Principal, uid: str, contains: str = "") -> Swept:
    """Delete the dead messages whose body contains the text, the oldest ``KEYS_MAX``. Raises as ``retry_dead``."""
    return _sweep(principal, uid, contains, _discarding)


def _sweep(principal: Principal, uid: str, contains: str, acting: Callable[[Sequence[str]], "_Action"]) -> Swept:
    queue = _find(principal, uid)
    if len(contains) > CONTAINS_MAX_LENGTH or not re.fullmatch(LINE_PATTERN, contains):
        wrong = FieldError("contains", f"up to {CONTAINS_MAX_LENGTH} characters of one line")
        raise ValidationFailed("The messages are not named", errors=(wrong,))
    finding = replace(acting(()), call=lambda source, *to: source.find_dead(*to, contains=contains, limit=KEYS_MAX + 1))
    keys: Sequence[str] = finding.ask(queue)
    has_more = len(keys) > KEYS_MAX
    count = acting(keys[:KEYS_MAX]).run(principal, queue, contains=contains, has_more=has_more)
    return Swept(count, has_more)


def _retrying(keys: Sequence[str]) -> "_Action":
    return _Action("queue.retry_dead", "retry_dead", lambda source, *to: source.retry_dead(*to, keys))


def _discarding(keys: Sequence[str]) -> "_Action":
    return _Action("queue.discard_dead", "discard_dead", lambda source, *to: source.discard_dead(*to, keys))


def _find(principal: Principal, uid: str) -> Queue:
    principal.require(Permission.QUEUES_MANAGE)
    return DEFINITIONS.stored(uid)


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
    """``call`` is given a source that offers ``ability`` for the queue, its fields, and the context."""

    name: str
    ability: str
    call: Callable[..., Awaitable[Any]]

    def run_to_look(self, principal: Principal, queue: Queue) -> Sequence[Message]:
        try:
            found: Sequence[Message] = self.ask(queue)
        except Unavailable as failed:
            with changing():
                audit_queue_action(principal, self.name, queue, after={"failed": failed.message[:200]})
            raise
        with changing():
            audit_queue_action(principal, self.name, queue, after={"messages": len(found)})
        return found

    def run(self, principal: Principal, queue: Queue, **told: Any) -> int:
        """It is audited with what is ``told`` of it before it is done. Afterwards the queue is looked at, so that pages
        show what became of it.
        """
        self.prepare(queue)
        with changing():
            audit_queue_action(principal, self.name, queue, after=told or None)
        try:
            count: int = self.ask(queue)
        except Unavailable as failed:
            self._tell(principal, queue, words=failed.message, after=FAILED)
            raise
        self._tell(principal, queue, words=str(count))
        return count

    def _tell(self, principal: Principal, queue: Queue, *, words: str, after: str = "") -> None:
        with changing():
            now = database_now_ms()
            note_queue_action(principal, self.name, queue, now_ms=now, words=words, after=after)
            schedule.bring_forward(queue.pk, now_ms=now)
            mark_changed()

    def ask(self, queue: Queue) -> Any:
        """Raises ``Conflict``, and ``Unavailable``; then it is not known how far it came."""
        prepared = self.prepare(queue)
        failure = "" if prepared.source is None else why_stopped(prepared.source.targets(prepared.config))
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
        raise Unavailable(f"{queue.name}: {failure}")

    def prepare(self, queue: Queue) -> PreparedQueue:
        """Raises ``Conflict``."""
        prepared = prepare_queue(queue)
        if prepared.defect:
            raise Conflict(f"{queue.name} cannot be reached: {prepared.defect}")
        if self.ability not in abilities_of(prepared.source, queue.config):
            words = self.name.removeprefix("queue.").replace("_", " ")
            raise Conflict(f"A queue of the kind {queue.kind} does not offer this: {words}")
        return prepared

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

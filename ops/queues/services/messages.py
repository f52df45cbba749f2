"""What operators do with messages and consumers, where the source can: look at them, delete, retry, pause, resume.

The source is asked outside of any transaction, within ``ACTION_SECONDS``; what came of it is audited afterwards, also
when it failed. Peeking is audited too: payloads can be personal.
"""

import asyncio
import concurrent.futures
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
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
from ops.queues.models import Queue
from ops.queues.payloads import shown_body, shown_headers
from ops.queues.prepared import PreparedQueue, prepare_queue
from ops.queues.services import schedule
from ops.queues.services.records import find_for_update, find_queue, record_queue_action
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
    return _look_at(principal, uid, "queue.peek", Peekable, lambda source: source.peek, limit=limit)


def peek_dead(*, principal: Principal, uid: str, limit: int = 20) -> list[ShownMessage]:
    """As ``peek``, of the messages that were given up."""
    return _look_at(principal, uid, "queue.peek_dead", DeadLettered, lambda source: source.peek_dead, limit=limit)


def purge(*, principal: Principal, uid: str, confirm: str) -> int:
    """Delete all that waits; how many messages it were. ``confirm`` is the name of the queue, typed by a person.

    Raises as ``peek``, and ``ValidationFailed`` for another name.
    """
    principal.require(Permission.QUEUES_MANAGE)
    queue = find_queue(uid)
    if confirm != queue.name:
        wrong = FieldError("confirm", f"type the name of the queue, {queue.name}")
        raise ValidationFailed("The purge is not confirmed", errors=(wrong,))
    return _act(principal, queue, "queue.purge", Purgeable, lambda source, *to: source.purge(*to))


def pause_consumers(*, principal: Principal, uid: str) -> int:
    """Stop consuming; how many consumers took notice. Raises as ``peek``."""
    principal.require(Permission.QUEUES_MANAGE)
    return _act(
        principal, find_queue(uid), "queue.pause_consumers", Pausable, lambda source, *to: source.pause(*to)
    )  # fmt: skip


def resume_consumers(*, principal: Principal, uid: str) -> int:
    """Consume again; how many consumers took notice. Raises as ``peek``."""
    principal.require(Permission.QUEUES_MANAGE)
    return _act(
        principal, find_queue(uid), "queue.resume_consumers", Pausable, lambda source, *to: source.resume(*to)
    )  # fmt: skip


def retry_dead(*, principal: Principal, uid: str, keys: Sequence[str]) -> int:
    """Put dead messages back into their queue; how many were found. Raises as ``peek`` and ``ValidationFailed``."""
    principal.require(Permission.QUEUES_MANAGE)
    _refuse_keys(keys)
    return _act(
        principal, find_queue(uid), "queue.retry_dead", DeadLettered, lambda source, *to: source.retry_dead(*to, keys)
    )  # fmt: skip


def discard_dead(*, principal: Principal, uid: str, keys: Sequence[str]) -> int:
    """Delete dead messages; how many were found. Raises as ``retry_dead``."""
    principal.require(Permission.QUEUES_MANAGE)
    _refuse_keys(keys)
    return _act(
        principal, find_queue(uid), "queue.discard_dead", DeadLettered,
        lambda source, *to: source.discard_dead(*to, keys),
    )  # fmt: skip


def _refuse_keys(keys: Sequence[str]) -> None:
    if not 1 <= len(keys) <= KEYS_MAX or any(len(key) > KEY_MAX_LENGTH for key in keys):
        wrong = FieldError("keys", f"1 to {KEYS_MAX} keys as peeking told them")
        raise ValidationFailed("The messages are not named", errors=(wrong,))


def _look_at(
    principal: Principal, uid: str, action: str, ability: Any, method: Callable[[Any], Any], *, limit: int
) -> list[ShownMessage]:
    principal.require(Permission.QUEUES_MANAGE)
    queue = find_queue(uid)
    limit = max(1, min(limit, PEEK_MAX))
    prepared = _prepare(queue, ability, action)
    found: Sequence[Message] = _ask(
        principal, queue, action, lambda context: method(prepared.source)(prepared.config, context, limit=limit)
    )
    _record(principal, uid, action, {"messages": len(found)}, changed=False)
    return [
        ShownMessage(
            message.key, shown_body(message.body), message.size_bytes, message.age_seconds,
            shown_headers(message.headers),
        )
        for message in found[:limit]
    ]  # fmt: skip


def _act(principal: Principal, queue: Queue, action: str, ability: Any, call: Callable[..., Awaitable[int]]) -> int:
    prepared = _prepare(queue, ability, action)
    count: int = _ask(principal, queue, action, lambda context: call(prepared.source, prepared.config, context))
    _record(principal, queue.uid, action, {"count": count}, changed=True)
    return count


def _prepare(queue: Queue, ability: Any, action: str) -> PreparedQueue:
    prepared = prepare_queue(queue)
    if prepared.defect:
        raise Conflict(f"{queue.name} cannot be reached: {prepared.defect}")
    if not isinstance(prepared.source, ability):
        raise Conflict(f"A queue of the kind {queue.kind} cannot do this: {action.partition('.')[2].replace('_', ' ')}")
    return prepared


def _ask[A](principal: Principal, queue: Queue, action: str, call: Callable[[ProbeContext], Awaitable[A]]) -> A:
    """Raises ``Unavailable``; then it is not known how far it came."""

    async def within_time() -> A:
        async with asyncio.timeout(ACTION_SECONDS):
            return await call(ProbeContext(ACTION_SECONDS, current_policy()))

    running = asyncio.run_coroutine_threadsafe(within_time(), _loop())
    try:
        return running.result(timeout=ACTION_SECONDS + 0.5)
    except ProbeFailed as failed:
        message = failed.message
    except (TimeoutError, concurrent.futures.TimeoutError):
        running.cancel()
        message = f"no answer within {ACTION_SECONDS:g} s"
    except Exception as error:
        log.exception("queues.action_crashed", action=action, kind=queue.kind)
        message = f"the action itself failed: {type(error).__name__}"
    _record(principal, queue.uid, action, {"failed": message[:200]}, changed=False)
    raise Unavailable(f"{queue.name}: {message}")


@changing()
def _record(principal: Principal, uid: str, action: str, after: dict[str, Any], *, changed: bool) -> None:
    queue, now = find_for_update(uid), database_now_ms()
    record_queue_action(principal, action, queue, now_ms=now, after=after)
    if changed:
        schedule.bring_forward(queue.pk, now_ms=now)
        mark_changed()


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """Made by the first action, hence after the server forked."""
    loop = uvloop.new_event_loop()
    threading.Thread(target=loop.run_forever, name="queue-actions", daemon=True).start()
    return loop

"""The workers of a broker: who consumes what, and what they have in hand. Asked once for all queues of the broker."""

import asyncio
import time
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakValueDictionary

from ops.probing.celery_control import Question, Replies, ask_workers, consumed_queues
from ops.queues.sources.redis_server import RedisServerConfig, Session

PATIENCE_SECONDS = 1.0
"""For one question. A worker with one thread answers when its task is done, and is not waited for longer."""

KEPT_SECONDS = 5.0
"""What one queue's look heard serves the other queues of the broker."""

NOBODY_KEPT_SECONDS = 1.0
"""Shorter while nobody consumes anything: a worker that starts is seen at once."""

BROKERS_MAX = 1_000
TASKS = ("active", "reserved", "scheduled")


@dataclass(slots=True)
class RollCall:
    """``heard`` workers got the question; of those that answered, ``queues`` are by worker, and ``tasks`` count what
    they have in hand: by queue, then by ``TASKS``.
    """

    heard: int = 0
    queues: dict[str, frozenset[str]] = field(default_factory=dict)
    tasks: dict[str, Counter[str]] = field(default_factory=dict)

    def consumers(self, queue: str) -> int | None:
        """Workers that consume the queue. None when not one is known but some did not answer: they may do so."""
        found = sum(queue in queues for queues in self.queues.values())
        return None if not found and len(self.queues) < self.heard else found


class RollCalls:
    """The last roll call of each broker."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[object, ...], tuple[float, RollCall]] = OrderedDict()
        self._asking: WeakValueDictionary[tuple[object, ...], asyncio.Lock] = WeakValueDictionary()

    async def of(self, config: RedisServerConfig, keyprefix: str, session: Session) -> RollCall:
        """Raises ``ProbeFailed``."""
        key = (config.url, config.username, keyprefix)
        lock = self._asking.setdefault(key, asyncio.Lock())
        async with lock:  # looks at many queues begin together: the first asks for all
            taken_at, call = self._kept.get(key, (0.0, RollCall()))
            if time.monotonic() - taken_at > (KEPT_SECONDS if any(call.queues.values()) else NOBODY_KEPT_SECONDS):
                call = await call_roll(session, config.database, keyprefix)
                self._kept[key] = (time.monotonic(), call)
                self._kept.move_to_end(key)
                if len(self._kept) > BROKERS_MAX:
                    self._kept.popitem(last=False)
        return call

    def forget(self, config: RedisServerConfig, keyprefix: str) -> None:
        self._kept.pop((config.url, config.username, keyprefix), None)


async def call_roll(session: Session, database: int, keyprefix: str) -> RollCall:
    """Raises ``ProbeFailed``."""
    replies = await _ask(session, Question("active_queues", database=database, keyprefix=keyprefix))
    call = RollCall(
        replies.heard, {worker: frozenset(consumed_queues(answer)) for worker, answer in replies.answers.items()}
    )
    for method in TASKS if call.queues else ():
        question = Question(method, database=database, keyprefix=keyprefix)
        replies = await _ask(session, question, expected=len(call.queues))
        for worker, answer in replies.answers.items():
            for queue in _queues_of_tasks(answer, call.queues.get(worker, frozenset())):
                call.tasks.setdefault(queue, Counter())[method] += 1
    return call


async def find_consumers(session: Session, queue: str, *, database: int, keyprefix: str) -> list[str]:
    """The workers that consume the queue, of those that answer. Raises ``ProbeFailed``."""
    replies = await _ask(session, Question("active_queues", database=database, keyprefix=keyprefix))
    return sorted(worker for worker, answer in replies.answers.items() if queue in consumed_queues(answer))


async def tell_workers(session: Session, question: Question) -> list[str]:
    """The workers that did as they were told. Raises ``ProbeFailed``."""
    replies = await _ask(session, question, expected=len(question.destination or ()))
    return sorted(worker for worker, answer in replies.answers.items() if isinstance(answer, dict) and "ok" in answer)


async def _ask(session: Session, question: Question, *, expected: int | None = None) -> Replies:
    """Waits for as many as are ``expected``, unless given for all that got the question."""
    session.running.doing = "waiting for the workers"
    ends_at = time.monotonic() + min(PATIENCE_SECONDS, session.running.left_seconds / 4)

    def patience(replies: Replies) -> float:
        return ends_at - time.monotonic() if len(replies.answers) < (expected or replies.heard) else 0.0

    return await ask_workers(session.client, session.running, question, patience)


def _queues_of_tasks(answer: Any, consumed: frozenset[str]) -> list[str]:
    """The queue of each task: the routing key where that is one, else the one queue of the worker."""
    found = []
    for item in answer if isinstance(answer, list) else ():
        task = item.get("request", item) if isinstance(item, dict) else None
        delivery = task.get("delivery_info") if isinstance(task, dict) else None
        key = delivery.get("routing_key") if isinstance(delivery, dict) else None
        if isinstance(key, str) and key in consumed:
            found.append(key)
        elif len(consumed) == 1:
            found.extend(consumed)
    return found

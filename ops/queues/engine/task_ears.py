"""Listening to several brokers at once, on an event loop in a thread of its own."""

import asyncio
import random
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

import structlog
import uvloop

from core.egress import AddressPolicy
from ops.probing.probe import ProbeContext, ProbeFailed
from ops.queues.event_listener import listen
from ops.queues.task_brokers import Broker
from ops.queues.task_events import Task, TaskStatistics, Totals
from ops.queues.worker_events import Host

log = structlog.get_logger(__name__)

SILENCE_SECONDS = 60.0
"""Workers send a heartbeat every two seconds: whoever is silent for so long is not there, or the connection is dead."""

CONNECT_SECONDS = 10.0

RETRY_SECONDS_MAX = 60.0
_LISTEN_SECONDS = 6 * 3_600.0


class Heard(NamedTuple):
    """Of one broker, since it was asked last. ``heard_at`` is in seconds since the epoch.

    ``failure`` is empty while it can be listened to, since ``listened_seconds`` without a gap. ``workers`` counts those
    of the last minute; ``hosts`` are the workers that send heartbeats.
    """

    totals: dict[Task, Totals]
    workers: int
    hosts: dict[str, Host]
    listened_seconds: float
    heard_at: float | None
    failure: str


class _Ear:
    def __init__(self, broker: Broker, policy: AddressPolicy) -> None:
        self.broker = broker
        self.statistics = TaskStatistics()
        self._policy = policy
        self._heard_at: float | None = None
        self._failure = "not connected yet"
        self._listens_since: float | None = None

    async def run(self) -> None:
        """Never ends by itself, and never raises but for a cancellation."""
        wait = 1.0
        while True:
            began = time.monotonic()
            failure = await self._listen()
            if failure and failure != self._failure:
                log.warning("queues.broker_not_heard", broker=self.broker.key, reason=failure)
            self._failure = failure
            if failure:
                self._listens_since = None
                wait = 1.0 if time.monotonic() - began > RETRY_SECONDS_MAX else min(RETRY_SECONDS_MAX, wait * 2)
                await asyncio.sleep(wait * random.uniform(0.5, 1))  # noqa: S311 - spreads load

    async def _listen(self) -> str:
        """Why it ended; empty when there was nothing more to hear."""
        is_connected = False

        def note_alive() -> None:
            nonlocal is_connected
            if is_connected:
                self._heard_at = time.time()
            is_connected, self._failure = True, ""
            if self._listens_since is None:
                self._listens_since = time.monotonic()
            patience.reschedule(asyncio.get_running_loop().time() + SILENCE_SECONDS)

        config, context = self.broker.config, ProbeContext(_LISTEN_SECONDS, self._policy)
        try:
            async with asyncio.timeout(CONNECT_SECONDS) as patience:
                prefix = config.global_keyprefix
                await listen(config, context, self.statistics, keyprefix=prefix, note_alive=note_alive)
        except TimeoutError:
            return "" if is_connected else f"no answer within {CONNECT_SECONDS:g} s"
        except ProbeFailed as failed:
            return failed.message[:300]
        except Exception as error:
            log.exception("queues.listening_crashed", broker=self.broker.key)
            return f"listening itself failed: {type(error).__name__}"
        return ""

    def drain(self) -> Heard:
        now, workers = time.time(), self.statistics.workers
        listened = 0.0 if self._listens_since is None else time.monotonic() - self._listens_since
        count, hosts = workers.count(now - SILENCE_SECONDS), workers.look(now, listened)
        return Heard(self.statistics.drain(), count, hosts, listened, self._heard_at, self._failure)


class Ears:
    """One per process; its methods are called by one thread."""

    def __init__(self, policy: AddressPolicy) -> None:
        self._policy = policy
        self._loop = uvloop.new_event_loop()
        self._ears: dict[str, tuple[_Ear, asyncio.Task[None]]] = {}
        self._thread = threading.Thread(target=self._loop.run_forever, name="task-events", daemon=True)
        self._thread.start()

    def follow(self, brokers: Sequence[Broker]) -> None:
        """Listen to these, and to no others any more. One whose fields changed is listened to anew."""
        asyncio.run_coroutine_threadsafe(self._follow(brokers), self._loop).result(timeout=30)

    def drain(self) -> dict[str, Heard]:
        """By the key of the broker."""
        return asyncio.run_coroutine_threadsafe(self._drain(), self._loop).result(timeout=30)

    def close(self) -> None:
        self.follow([])
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)

    async def _follow(self, brokers: Sequence[Broker]) -> None:
        wanted = {broker.key: broker for broker in brokers}
        for key, (ear, task) in list(self._ears.items()):
            if wanted.get(key) != ear.broker:
                del self._ears[key]
                task.cancel()
                await asyncio.wait([task], timeout=5)
        for key, broker in wanted.items():
            if key not in self._ears:
                ear = _Ear(broker, self._policy)
                self._ears[key] = ear, asyncio.create_task(ear.run())

    async def _drain(self) -> dict[str, Heard]:
        return {key: ear.drain() for key, (ear, _task) in self._ears.items()}

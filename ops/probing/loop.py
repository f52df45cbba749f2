"""A thread of the process that looks at targets, on an event loop of its own.

Database work of the other threads then takes no time from a look, and a target that hangs holds up nobody.
"""

import abc
import asyncio
import threading
import time
from collections.abc import Sequence
from typing import Protocol

import structlog
import uvloop

from ops.probing.probe import MAX_IN_FLIGHT

log = structlog.get_logger(__name__)

OVERTIME_SECONDS = 2.0
"""A look ends by itself within its timeout; this much later it is cut off."""


class Job(Protocol):
    """``starts_at`` is by the monotonic clock; hashed by identity."""

    @property
    def starts_at(self) -> float: ...

    @property
    def timeout_seconds(self) -> float: ...


class ProbeLoop[J: Job, A](abc.ABC):
    """Jobs go in with ``start``, attempts come out with ``collect``; both are called by one thread at a time."""

    def __init__(self) -> None:
        self._loop = uvloop.new_event_loop()
        self._ready = threading.Condition()
        self._finished: list[tuple[J, A]] = []
        self._running: dict[J, asyncio.Task[None] | asyncio.TimerHandle] = {}
        self._cut_offs: dict[J, asyncio.TimerHandle] = {}
        self._wake_at = 0
        self.in_flight = 0
        threading.Thread(target=self._loop.run_forever, name="prober", daemon=True).start()

    @abc.abstractmethod
    async def attempt(self, job: J) -> A:
        """Look once, and never raise but for a cancellation while ``is_abandoned``; else being cancelled says that the
        time was over, and is an attempt like any other.
        """

    def is_abandoned(self, job: J) -> bool:
        return job not in self._running

    @property
    def room(self) -> int:
        return max(0, MAX_IN_FLIGHT - self.in_flight)

    def start(self, jobs: Sequence[J]) -> None:
        """Begin each job at its time, without waiting."""
        if jobs:
            self.in_flight += len(jobs)
            self._loop.call_soon_threadsafe(self._schedule, list(jobs))

    def collect(self, *, group: int, wait_seconds: float) -> list[A]:
        """What has finished: returns when nothing is in flight, when ``group`` have, or when the time is over."""
        with self._ready:
            self._wake_at = min(group, self.in_flight)
            self._ready.wait_for(lambda: len(self._finished) >= self._wake_at, wait_seconds)
            finished, self._finished = self._finished, []
        self.in_flight -= len(finished)
        return [attempt for _job, attempt in finished]

    def abandon(self) -> list[J]:
        """Give up what is in flight; the jobs that were cut off. Those that finished meanwhile are collected later."""
        try:
            return asyncio.run_coroutine_threadsafe(self._cancel_all(), self._loop).result(timeout=3)
        except TimeoutError:
            log.exception("probing.loop_stuck", in_flight=self.in_flight)
            return []

    def close(self) -> None:
        self.abandon()
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _schedule(self, jobs: list[J]) -> None:
        now = time.monotonic()
        for job in jobs:
            if (wait := job.starts_at - now) > 0.001:
                self._running[job] = self._loop.call_later(wait, self._begin, job)
            else:
                self._begin(job)

    def _begin(self, job: J) -> None:
        task = self._running[job] = self._loop.create_task(self._run(job))
        self._cut_offs[job] = self._loop.call_later(job.timeout_seconds + OVERTIME_SECONDS, task.cancel)

    async def _run(self, job: J) -> None:
        attempt = await self.attempt(job)
        self._running.pop(job, None)
        if (cut_off := self._cut_offs.pop(job, None)) is not None:
            cut_off.cancel()
        with self._ready:
            self._finished.append((job, attempt))
            if len(self._finished) >= self._wake_at:
                self._ready.notify()

    async def _cancel_all(self) -> list[J]:
        abandoned = dict(self._running)
        self._running.clear()
        for running in (*abandoned.values(), *self._cut_offs.values()):
            running.cancel()
        self._cut_offs.clear()
        await asyncio.gather(
            *(running for running in abandoned.values() if isinstance(running, asyncio.Task)), return_exceptions=True
        )
        with self._ready:
            finished = {job for job, _attempt in self._finished}
        jobs = [job for job in abandoned if job not in finished]
        self.in_flight -= len(jobs)
        return jobs

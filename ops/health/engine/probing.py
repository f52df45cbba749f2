"""The prober: one thread of the process that runs probes on an event loop of its own.

Database work of the other threads then takes no time from a probe, and a target that hangs holds up nobody.
"""

import asyncio
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import structlog
import uvloop

from core.egress import AddressPolicy, current_policy
from core.telemetry.error_reports import report_error
from ops.health.checks.kind import MAX_IN_FLIGHT, MemberStanding, ProbeContext, ProbeFailed
from ops.health.engine.claim import Claim
from ops.health.engine.definitions import PreparedCheck
from ops.health.engine.judging import EngineFault, Seen
from ops.health.engine.tracing import probe_trace

log = structlog.get_logger(__name__)

OVERTIME_SECONDS = 2.0
"""A probe ends by itself within its timeout; this much later it is cut off."""


@dataclass(eq=False, slots=True)
class Job:
    """A claimed slot with its definition; ``starts_at`` by the monotonic clock, ``standings`` of its members."""

    claim: Claim
    check: PreparedCheck
    starts_at: float
    standings: Mapping[str, MemberStanding]
    cut_off: asyncio.TimerHandle | None = None


class Attempt(NamedTuple):
    """What came of a job. ``late_ms`` is from its slot to its start; ``ended_ms`` by the clock of its claim."""

    job: Job
    seen: Seen
    late_ms: int
    ended_ms: int
    trace_id: str


class Prober:
    """``start`` and ``collect`` are called by one thread at a time."""

    def __init__(self, policy: AddressPolicy) -> None:
        self._policy = policy
        self._loop = uvloop.new_event_loop()
        self._ready = threading.Condition()
        self._finished: list[Attempt] = []
        self._running: dict[Job, asyncio.Task[None] | asyncio.TimerHandle] = {}
        self._wake_at = 0
        self.in_flight = 0
        threading.Thread(target=self._loop.run_forever, name="prober", daemon=True).start()

    @property
    def room(self) -> int:
        return max(0, MAX_IN_FLIGHT - self.in_flight)

    def start(self, jobs: Sequence[Job]) -> None:
        """Begin each job at its time, without waiting."""
        if jobs:
            self.in_flight += len(jobs)
            self._loop.call_soon_threadsafe(self._schedule, list(jobs))

    def collect(self, *, group: int, wait_seconds: float) -> list[Attempt]:
        """What has finished: returns when nothing is in flight, when ``group`` have, or when the time is over."""
        with self._ready:
            self._wake_at = min(group, self.in_flight)
            self._ready.wait_for(lambda: len(self._finished) >= self._wake_at, wait_seconds)
            finished, self._finished = self._finished, []
        self.in_flight -= len(finished)
        return finished

    def abandon(self) -> list[Job]:
        """Give up what is in flight; the jobs that were cut off. Those that finished meanwhile are collected later."""
        try:
            return asyncio.run_coroutine_threadsafe(self._cancel_all(), self._loop).result(timeout=3)
        except TimeoutError:
            log.exception("health.prober_stuck", in_flight=self.in_flight)
            return []

    def close(self) -> None:
        self.abandon()
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _schedule(self, jobs: list[Job]) -> None:
        now = time.monotonic()
        for job in jobs:
            if (wait := job.starts_at - now) > 0.001:
                self._running[job] = self._loop.call_later(wait, self._begin, job)
            else:
                self._begin(job)

    def _begin(self, job: Job) -> None:
        task = self._running[job] = self._loop.create_task(self._run(job))
        job.cut_off = self._loop.call_later(job.claim.timeout_ms / 1_000 + OVERTIME_SECONDS, task.cancel)

    async def _run(self, job: Job) -> None:
        started = time.monotonic()
        with probe_trace(job.check) as probe:
            context = ProbeContext(job.claim.timeout_ms / 1_000, self._policy, probe.traceparent, job.standings)
            seen = await self._probe(job, context)
            if isinstance(seen, ProbeFailed):
                probe.fail(seen.message)
        late_ms = max(0, round((started - job.starts_at) * 1_000))
        ended_ms = job.claim.slot_ms + round((time.monotonic() - job.starts_at) * 1_000)
        self._finish(Attempt(job, seen, late_ms, ended_ms, probe.trace_id))

    async def _probe(self, job: Job, context: ProbeContext) -> Seen:
        check = job.check
        if check.kind is None or check.defect:
            return EngineFault(check.defect)
        try:
            return await check.kind.probe(check.config, context)
        except ProbeFailed as failed:
            return failed
        except asyncio.CancelledError:
            if job not in self._running:  # abandoned, not cut off
                raise
            return ProbeFailed("timeout", "the probe did not end in time")
        except Exception as error:
            log.exception("health.probe_crashed", check=check.uid, kind=check.kind_name)
            report_error(error, transaction="health.probe")
            return EngineFault(f"the probe itself failed: {type(error).__name__}")

    def _finish(self, attempt: Attempt) -> None:
        self._running.pop(attempt.job, None)
        if attempt.job.cut_off is not None:
            attempt.job.cut_off.cancel()
        with self._ready:
            self._finished.append(attempt)
            if len(self._finished) >= self._wake_at:
                self._ready.notify()

    async def _cancel_all(self) -> list[Job]:
        abandoned = dict(self._running)
        self._running.clear()
        for job, running in abandoned.items():
            running.cancel()
            if job.cut_off is not None:
                job.cut_off.cancel()
        await asyncio.gather(
            *(running for running in abandoned.values() if isinstance(running, asyncio.Task)), return_exceptions=True
        )
        with self._ready:
            finished = {attempt.job for attempt in self._finished}
        jobs = [job for job in abandoned if job not in finished]
        self.in_flight -= len(jobs)
        return jobs


@cache
def process_prober() -> Prober:
    """The one of this process; made by the first task that needs it, hence after the worker forked."""
    return Prober(current_policy())

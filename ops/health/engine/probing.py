"""The prober: runs the probes of claimed slots, each in a trace of its own."""

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

import structlog

from core.egress import AddressPolicy, current_policy
from core.telemetry.error_reports import report_error
from ops.health.checks.kind import CheckContext, MemberStanding
from ops.health.domain import Runs, find_overdue_run
from ops.health.engine.claim import Claim
from ops.health.engine.definitions import PreparedCheck
from ops.health.engine.judging import Judgement, Seen, is_large, judge
from ops.health.engine.tracing import probe_trace
from ops.probing.guarding import Leave, Refusal
from ops.probing.loop import ProbeLoop
from ops.probing.probe import ProbeFailed
from ops.signals.domain import Status

log = structlog.get_logger(__name__)

_judging = ThreadPoolExecutor(2, thread_name_prefix="judging")
"""Large answers are judged here: neither the probes nor the claims of other checks wait for them."""


@dataclass(eq=False, slots=True)
class Job:
    """A claimed slot with its definition; ``starts_at`` by the monotonic clock, ``standings`` of its members, ``runs``
    that were under way.

    ``answer`` is what the breaker of its target said; the ``again_ms`` of a refusal counts from the slot.
    """

    claim: Claim
    check: PreparedCheck
    starts_at: float
    standings: Mapping[str, MemberStanding]
    answer: Leave | Refusal | None = None
    runs: Runs = MappingProxyType({})

    @property
    def overdue_run_ms(self) -> int | None:
        """As of ``CheckContext``."""
        if not self.runs or (expectation := self.check.expectation) is None:
            return None
        deadline = self.claim.slot_ms - self.claim.missed * self.claim.interval_ms
        return find_overdue_run(self.runs, deadline_ms=deadline, grace_ms=expectation.grace_ms)

    @property
    def timeout_seconds(self) -> float:
        return self.claim.timeout_ms / 1_000


class Attempt(NamedTuple):
    """What came of a job. ``late_ms`` is from its slot to its start; ``ended_ms`` by the clock of its claim.

    ``judgement`` is that of a large answer; the others are judged by whoever collects them.
    """

    job: Job
    seen: Seen
    late_ms: int
    ended_ms: int
    trace_id: str
    judgement: Judgement | None = None


class Prober(ProbeLoop[Job, Attempt]):
    def __init__(self, policy: AddressPolicy) -> None:
        super().__init__()
        self._policy = policy

    async def attempt(self, job: Job) -> Attempt:
        started = time.monotonic()
        if isinstance(refusal := job.answer, Refusal):
            status = Status.UNKNOWN if refusal.by_operator else Status.UNHEALTHY
            return _attempt_of(job, ProbeFailed("circuit", refusal.message, outcome=status), started)
        with probe_trace(job.check) as probe:
            seen = await self._probe(job, probe.traceparent)
            if isinstance(seen, ProbeFailed):
                probe.fail(seen.message)
        attempt = _attempt_of(job, seen, started, probe.trace_id)
        return attempt._replace(judgement=await self._judge_apart(job, seen)) if is_large(seen) else attempt

    async def _judge_apart(self, job: Job, seen: Seen) -> Judgement:
        try:
            return await asyncio.get_running_loop().run_in_executor(_judging, judge, job.check, seen)
        except asyncio.CancelledError:
            if self.is_abandoned(job):
                raise
            return Judgement(Status.UNKNOWN, "the answer was not judged in time", "engine")

    async def _probe(self, job: Job, traceparent: str) -> Seen:
        check = job.check
        if check.kind is None or check.defect:
            return ProbeFailed("defect", check.defect, outcome=Status.UNKNOWN)
        try:
            context = CheckContext(job.timeout_seconds, self._policy, traceparent, job.standings, job.overdue_run_ms)
            return await check.kind.probe(check.config, context)
        except ProbeFailed as failed:
            return failed
        except asyncio.CancelledError:
            if self.is_abandoned(job):
                raise
            return ProbeFailed("timeout", "the probe did not end in time")
        except Exception as error:
            log.exception("health.probe_crashed", check=check.uid, kind=check.kind_name)
            report_error(error, transaction="health.probe")
            return crashed(error)


def crashed(error: Exception) -> ProbeFailed:
    """A bug of ours says nothing of the target, and is told at once: the next probe would end the same way."""
    return ProbeFailed("crash", f"the probe itself failed: {type(error).__name__}", outcome=Status.UNKNOWN)


def _attempt_of(job: Job, seen: Seen, started: float, trace_id: str = "") -> Attempt:
    late_ms = max(0, round((started - job.starts_at) * 1_000))
    ended_ms = job.claim.slot_ms + round((time.monotonic() - job.starts_at) * 1_000)
    return Attempt(job, seen, late_ms, ended_ms, trace_id)


@cache
def process_prober() -> Prober:
    """The one of this process; made by the first task that needs it, hence after the worker forked."""
    return Prober(current_policy())

"""Looking at many sources again and again: claim what is due, look at it, store what was seen.

The plain sister of the check engine, for slices whose sources have one rhythm and no standing of their own. It rolls:
while anything is in flight it claims what becomes due, so a source that hangs holds up no other.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import structlog
from django.db import DatabaseError, InterfaceError, connection

from core.egress import AddressPolicy, Endpoint
from core.telemetry.error_reports import report_error
from ops.probing.guarding import TRANSPORT_PHASES, Leave, Refusal, TargetBreakers, name_of
from ops.probing.loop import ProbeLoop
from ops.probing.probe import ProbeContext, ProbeFailed
from ops.scheduling.claim import Schedule, Slot
from ops.signals.domain import Status

log = structlog.get_logger(__name__)

BATCH = 200
COLLECT_SECONDS = 0.4
TURN_SECONDS = 30.0


@dataclass(eq=False, slots=True)
class Look[S]:
    """A claimed slot of a source, and what the breaker of its target said."""

    slot: Slot
    source: S
    answer: Leave | Refusal | None = None

    @property
    def starts_at(self) -> float:
        return self.slot.starts_at

    @property
    def timeout_seconds(self) -> float:
        return self.slot.timeout_ms / 1_000


class Sample[S, T](NamedTuple):
    """What was seen of a source, or why nothing was. ``at_ms`` is when the look ended, by the clock of its claim.

    ``answer`` is what the breaker of its target said.
    """

    slot: Slot
    source: S
    seen: T | ProbeFailed
    at_ms: int
    duration_us: int
    answer: Leave | Refusal | None = None


class Sampled[S, T](Protocol):
    """What a slice gives: its schedule, how its sources are read, looked at, and what becomes of the samples."""

    name: str
    schedule: Schedule

    def load(self, slots: Sequence[Slot]) -> Mapping[int, S]:
        """The sources of the slots by their keys; one that is gone is left out."""
        ...

    async def look(self, source: S, context: ProbeContext) -> T:
        """Raises ``ProbeFailed``; ends by itself within the context's time."""
        ...

    def commit(self, samples: Sequence[Sample[S, T]]) -> None:
        """Store them in one transaction, those alone that ``Schedule.finish`` still takes."""
        ...


class Sampler[S, T](ProbeLoop[Look[S], Sample[S, T]]):
    """One per process and slice.

    ``target`` names whom a source dials, None for one that is not to be guarded. ``breakers`` says whether a target is
    asked at all: the sample of one that is not is a ``ProbeFailed`` in the phase ``circuit``.
    """

    def __init__(
        self,
        sampled: Sampled[S, T],
        policy: AddressPolicy,
        *,
        target: Callable[[S], Endpoint | None] = lambda _source: None,
        breakers: TargetBreakers | None = None,
    ) -> None:
        super().__init__()
        self._sampled = sampled
        self._policy = policy
        self._target = target
        self._breakers = breakers

    def run_due(
        self,
        *,
        should_stop: Callable[[], bool] = lambda: False,
        turn_seconds: float = TURN_SECONDS,
        keeps_in_flight: bool = False,
    ) -> int:
        """Run until nothing is due or in flight, or the turn is over; how many samples were handed to ``commit``.

        At the end of a turn what is in flight is given back for another process to run; with ``keeps_in_flight`` it
        goes on, and the next turn collects it. Does not raise for a database that fails: leases expire, and slots run
        again.
        """
        done, ends_at = 0, time.monotonic() + turn_seconds
        while True:
            stopping = should_stop()
            if stopping or time.monotonic() > ends_at:
                if stopping or not keeps_in_flight:
                    self._give_back()
                return done
            claimed = self._claim()
            if not self.in_flight:
                return done
            done += self._commit(self.collect(group=BATCH, wait_seconds=0.0 if claimed == BATCH else COLLECT_SECONDS))

    async def attempt(self, job: Look[S]) -> Sample[S, T]:
        started = time.monotonic()
        seen = await self._look(job)
        ended = time.monotonic()
        at_ms = job.slot.slot_ms + round((ended - job.starts_at) * 1_000)
        return Sample(job.slot, job.source, seen, at_ms, round((ended - started) * 1e6), job.answer)

    async def _look(self, job: Look[S]) -> T | ProbeFailed:
        if isinstance(job.answer, Refusal):
            status = Status.UNKNOWN if job.answer.by_operator else Status.UNHEALTHY
            return ProbeFailed("circuit", job.answer.message, outcome=status)
        try:
            return await self._sampled.look(job.source, ProbeContext(job.timeout_seconds, self._policy))
        except ProbeFailed as failed:
            return failed
        except asyncio.CancelledError:
            if self.is_abandoned(job):
                raise
            return ProbeFailed("timeout", "the look did not end in time")
        except Exception as error:
            log.exception("sampling.look_crashed", slice=self._sampled.name)
            report_error(error, transaction=f"{self._sampled.name}.look")
            return ProbeFailed("receive", f"the look itself failed: {type(error).__name__}")

    def _claim(self) -> int:
        room = min(BATCH, self.room)
        if not room:
            return 0
        try:
            slots = self._sampled.schedule.claim(limit=room)
            sources = self._sampled.load(slots) if slots else {}
        except (DatabaseError, InterfaceError) as error:
            self._note_database_failure("claim", error)
            return 0
        looks = [Look(slot, sources[slot.key]) for slot in slots if slot.key in sources]
        self._ask_breakers(looks)
        self.start(looks)
        return len(slots)

    def _ask_breakers(self, looks: Sequence[Look[S]]) -> None:
        if self._breakers is None or not self._breakers.is_watching():
            return
        answers = self._breakers.ask([self._name(look.source) for look in looks])
        for look, answer in zip(looks, answers, strict=True):
            look.answer = answer

    def _tell_breakers(self, samples: Sequence[Sample[S, T]]) -> None:
        if self._breakers is None:
            return
        for sample in samples:
            failure = _transport_failure(sample.seen)
            if isinstance(sample.answer, Leave):
                self._breakers.note(sample.answer, failure)
            elif failure is not None and sample.answer is None and (name := self._name(sample.source)) is not None:
                self._breakers.note(Leave(name), failure)

    def _name(self, source: S) -> str | None:
        endpoint = self._target(source)
        return None if endpoint is None else name_of(endpoint)

    def _commit(self, samples: Sequence[Sample[S, T]]) -> int:
        if not samples:
            return 0
        self._tell_breakers(samples)
        try:
            self._sampled.commit(samples)
            if sooner := [again for sample in samples if (again := _comes_back(sample)) is not None]:
                self._sampled.schedule.hasten(sooner)
        except (DatabaseError, InterfaceError) as error:
            self._note_database_failure("commit", error)
            return 0
        return len(samples)

    def _give_back(self) -> None:
        abandoned = [(job.slot.key, job.slot.fence) for job in self.abandon()]
        self._commit(self.collect(group=0, wait_seconds=0))
        try:
            self._sampled.schedule.release(abandoned)
        except (DatabaseError, InterfaceError) as error:
            self._note_database_failure("release", error)

    def _note_database_failure(self, step: str, error: Exception) -> None:
        log.error("sampling.database_failed", slice=self._sampled.name, step=step, error=str(error))
        connection.close()


def _comes_back(sample: Sample[Any, Any]) -> tuple[int, int] | None:
    """The key of a source that was not asked, and when its target is asked again."""
    if isinstance(sample.answer, Refusal) and not sample.answer.by_operator:
        return sample.slot.key, sample.at_ms + sample.answer.again_ms
    return None


def _transport_failure(seen: object) -> str | None:
    is_one = isinstance(seen, ProbeFailed) and seen.phase in TRANSPORT_PHASES
    return str(seen) if is_one else None

"""Circuit breakers for the targets that are looked at: many probes of one dead address do not become a flood.

A probe is there to look at what fails, so a breaker is slow to open and quick to try again. A target that has not
failed lately costs nothing: it is watched from its first failure in this process, and for a minute after its last one.
"""

import time
import uuid
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog

from core.breaker.guard import ALONE_CALLS, STORE_RETRY_SECONDS
from core.breaker.held import HeldOpen
from core.breaker.machine import BreakerState, Call, Policy
from core.breaker.registry import FAMILIES
from core.breaker.storage import MemoryStorage, Operation, Standing, Storage, StorageLost
from core.durations import describe_duration_ms
from core.egress import Endpoint

log = structlog.get_logger(__name__)

FAMILY = "target"
_PREFIX = FAMILY + ":"
POLICY = FAMILIES.register(
    FAMILY,
    Policy(window_ms=60_000, minimum_calls=20, failure_percent=90, open_ms=4_000, permits=3, lease_ms=15_000),
)
TRANSPORT_PHASES = frozenset({"dns", "connect", "timeout", "send"})
"""Where a probe ends that did not get through. An answer that is wrong says that the target is there."""
WATCHED_SECONDS = 60.0
FAILURE_LENGTH = 120
FORCED_SECONDS = 5.0
"""How long the list of targets is believed that operators have opened."""
AGAIN_MS, AGAIN_MAX_MS = 1_000, 5_000
"""A probe is claimed up to a second before its time, and answered by what is known then."""


class Leave(NamedTuple):
    """The leave to probe a target. ``permit`` is that of a half-open breaker."""

    target: str
    generation: int = 0
    permit: str = ""


class Refusal(NamedTuple):
    """A probe that is not to be made, and in how many milliseconds it is worth asking again.

    Stopped ``by_operator``, nothing is known of the target; else it fails.
    """

    message: str
    again_ms: int
    by_operator: bool = False


@dataclass(slots=True)
class _Watch:
    """A target that failed lately, and with what.

    ``out`` holds when each probe that the fallback let out is over at the latest.
    """

    until: float
    failure: str = ""
    out: deque[float] = field(default_factory=deque)


@dataclass(slots=True)
class _Standing:
    """What a store says of one target: ``permits`` are those it gave out for this batch."""

    last: Standing
    permits: list[str]
    is_shared: bool


def name_of(endpoint: Endpoint) -> str:
    """``10.0.0.1:443``; without a port for what has none."""
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host.lower()
    return f"{host}:{endpoint.port}" if endpoint.port else host


class TargetBreakers:
    """One per loop that probes; called by one thread at a time.

    ``ask`` tells what was noted and asks for a whole batch in one call of the store; nobody to watch, no call. When
    the store is lost the process goes on by itself, and of a target that fails few probes are out at once.
    """

    def __init__(self, storage: Storage, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._shared = storage
        self._fallback = MemoryStorage()
        self._monotonic = monotonic
        self._watched: dict[str, _Watch] = {}
        self._notes: defaultdict[Leave, str] = defaultdict(str)
        self._forced: frozenset[str] = frozenset()
        self._held = HeldOpen(monotonic)
        self._forced_until = self._alone_until = float("-inf")

    def is_watching(self) -> bool:
        """Whether there is anything to ask. Every few seconds the store is asked whom operators have stopped."""
        self._look_for_forced()
        return bool(self._watched or self._forced)

    def ask(self, targets: Sequence[str | None]) -> list[Leave | Refusal | None]:
        """Whether each target may be probed now; None for what is not guarded."""
        self._look_for_forced()
        now = self._monotonic()
        self._watched = {target: watch for target, watch in self._watched.items() if watch.until > now}
        asked = Counter(target for target in targets if target in self._watched or target in self._forced)
        standings = self._run(asked)
        return [self._answer(target, standings.get(target)) if target else None for target in targets]

    def note(self, leave: Leave, failure: str | None) -> None:
        """How a probe ended that was let out: why it did not get through, or None. Told with the next question."""
        watch = self._watched.get(leave.target)
        if failure is not None:
            watch = self._watched.setdefault(leave.target, _Watch(0.0))
            watch.until, watch.failure = self._monotonic() + WATCHED_SECONDS, failure[:FAILURE_LENGTH]
        if watch is not None:
            self._notes[leave] += Call.FINE if failure is None else Call.FAILED
            if watch.out:
                watch.out.popleft()

    def _run(self, asked: Mapping[str, int]) -> dict[str, _Standing]:
        notes = [
            Operation(_full(leave.target), POLICY, "observe", leave.permit, leave.generation, letters)
            for leave, letters in self._notes.items()
        ]
        self._notes.clear()
        questions = [
            Operation(_full(target), POLICY, "admit", uuid.uuid4().hex)
            for target, probes in asked.items()
            for _ in range(min(probes, POLICY.permits))
        ]
        answers, is_shared = self._run_somewhere([*notes, *questions])
        standings: dict[str, _Standing] = {}
        for question, answer in zip(questions, answers[len(notes) :], strict=True):
            target = question.name.removeprefix(_PREFIX)
            found = standings.setdefault(target, _Standing(answer, [], is_shared))
            found.last = answer
            if is_shared:
                self._learn_forced(target, answer)
            if answer.admitted and answer.state is BreakerState.HALF_OPEN:
                found.permits.append(question.permit)
        return standings

    def _run_somewhere(self, operations: Sequence[Operation]) -> tuple[list[Standing], bool]:
        if not operations:
            return [], True
        if self._monotonic() >= self._alone_until:
            try:
                return self._shared.run(operations), True
            except StorageLost as error:
                self._lose(error)
        return self._fallback.run(operations), False

    def _answer(self, target: str, standing: _Standing | None) -> Leave | Refusal:
        if standing is None:
            return Leave(target)
        if not standing.is_shared and (refusal := self._refuse_forced(target)) is not None:
            return refusal
        now, last = self._monotonic(), standing.last
        watch = self._watched.setdefault(target, _Watch(0.0))
        if last.state is not BreakerState.CLOSED:
            watch.until = max(watch.until, now + WATCHED_SECONDS)
        match last.state:
            case BreakerState.OPEN | BreakerState.FORCED_OPEN:
                return _refuse(target, last, watch.failure)
            case BreakerState.HALF_OPEN if not standing.permits:
                return _refuse(target, last, watch.failure)
        if not standing.is_shared:
            while watch.out and watch.out[0] <= now:
                watch.out.popleft()
            is_failing = last.window.calls >= ALONE_CALLS and last.window.is_bad(POLICY)
            if is_failing and len(watch.out) >= ALONE_CALLS:
                again = f"asked again in {describe_duration_ms(AGAIN_MS)}"
                return Refusal(f"not asked: {target} is failing, and {len(watch.out)} are asking it; {again}", AGAIN_MS)
            watch.out.append(now + POLICY.lease_ms / 1_000)
        return Leave(target, last.generation, standing.permits.pop() if standing.permits else "")

    def _learn_forced(self, target: str, standing: Standing) -> None:
        self._held.learn(standing)
        is_forced = standing.state is BreakerState.FORCED_OPEN
        self._forced = self._forced | {target} if is_forced else self._forced - {target}

    def _refuse_forced(self, target: str) -> Refusal | None:
        """Without the store: an operator's word holds to its end, and where that was not read, until it is."""
        if target not in self._forced:
            return None
        if _full(target) in self._held:
            held = self._held.standing_of(_full(target))
            return None if held is None else _refuse(target, held, "")
        message = f"not asked: an operator has stopped calls to {target}, and the shared record is out of reach"
        return Refusal(message, AGAIN_MAX_MS, by_operator=True)

    def _look_for_forced(self) -> None:
        now = self._monotonic()
        if now < self._forced_until or now < self._alone_until:
            return
        self._forced_until = now + FORCED_SECONDS
        try:
            names = self._shared.forced_open()
        except StorageLost as error:
            self._lose(error)
        else:
            self._forced = frozenset(name.removeprefix(_PREFIX) for name in names if name.startswith(_PREFIX))

    def _lose(self, error: StorageLost) -> None:
        self._alone_until = self._monotonic() + STORE_RETRY_SECONDS
        log.warning("probing.breaker_store_lost", error=str(error))


def _full(target: str) -> str:
    return _PREFIX + target


def _refuse(target: str, standing: Standing, failure: str) -> Refusal:
    if standing.state is BreakerState.FORCED_OPEN:
        left_ms = max(0, standing.until_ms - standing.at_ms)
        return Refusal(
            f"not asked: an operator has stopped calls to {target}: {standing.reason}", left_ms, by_operator=True
        )
    if standing.state is BreakerState.OPEN:
        again_ms = max(0, standing.until_ms - standing.at_ms) + AGAIN_MS
        what = "is failing"
    else:  # others are trying it; at first they are asked for news often
        again_ms = min(max(standing.at_ms - standing.since_ms, AGAIN_MS), AGAIN_MAX_MS)
        what = "is being tried again"
    cause = f"{failure}; " if failure else ""  # first, as that is what people look for
    again = f"asked again in {describe_duration_ms(again_ms)}"
    return Refusal(f"{cause}not asked: {target} {what}, {standing.reason}; {again}", again_ms)

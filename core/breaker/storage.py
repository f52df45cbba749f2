"""Where the records of breakers live: the port, and the store of one process."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from core.breaker.machine import BreakerState, Policy, Record, Tally, admit, command, observe, settle, tally
from core.clock import now_ms

NAMES_LIMIT = 1_000
TRANSITIONS_KEPT = 1_000
NAMES_KEPT = 5_000


class StorageLost(Exception):
    """The shared store does not answer."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing to do with one breaker. ``calls`` are letters of ``machine.Call`` that ended in ``generation``."""

    name: str
    policy: Policy
    does: Literal["read", "admit", "observe", "command"] = "read"
    permit: str = ""
    generation: int = 0
    calls: str = ""
    state: BreakerState = BreakerState.CLOSED
    until_ms: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """A breaker after an operation. ``admitted`` answers ``admit``; ``permits_out`` and ``trial`` tell of a half-open
    one. All times are by the store's clock, which showed ``at_ms``."""

    name: str
    state: BreakerState
    generation: int
    since_ms: int
    until_ms: int
    reason: str
    admitted: bool
    retry_at_ms: int
    window: Tally
    permits_out: int
    trial: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Transition:
    name: str
    before: BreakerState
    after: BreakerState
    at_ms: int
    generation: int
    reason: str
    until_ms: int


class Storage(Protocol):
    """Several operations in one step, in their order. Each raises ``StorageLost`` when the store does not answer."""

    def run(self, operations: Sequence[Operation]) -> list[Standing]: ...

    def names(self, limit: int = NAMES_LIMIT) -> list[str]:
        """The breakers that are known, the latest active first."""
        ...

    def forced_open(self) -> frozenset[str]:
        """Those that an operator has opened, some of which may be over their end."""
        ...

    def take_transitions(self, limit: int) -> list[Transition]:
        """The oldest transitions, each given out once."""
        ...

    def history(self, limit: int) -> list[Transition]:
        """The latest transitions, the newest first."""
        ...


class MemoryStorage:
    """The breakers of one process."""

    def __init__(self, clock: Callable[[], int] = now_ms) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._records: dict[str, Record] = {}
        self._transitions: list[Transition] = []
        self._history: deque[Transition] = deque(maxlen=TRANSITIONS_KEPT)

    def run(self, operations: Sequence[Operation]) -> list[Standing]:
        with self._lock:
            now = self._clock()
            return [self._run(operation, now) for operation in operations]

    def names(self, limit: int = NAMES_LIMIT) -> list[str]:
        with self._lock:
            return list(reversed(self._records))[:limit]

    def forced_open(self) -> frozenset[str]:
        with self._lock:
            forced = (name for name, record in self._records.items() if record.state is BreakerState.FORCED_OPEN)
            return frozenset(forced)

    def take_transitions(self, limit: int) -> list[Transition]:
        with self._lock:
            taken, self._transitions = self._transitions[:limit], self._transitions[limit:]
        return taken

    def history(self, limit: int) -> list[Transition]:
        with self._lock:
            return list(reversed(self._history))[:limit]

    def _run(self, operation: Operation, now: int) -> Standing:
        policy = operation.policy
        record = self._settle(operation.name, self._records.get(operation.name, Record()), now)
        before, admitted, retry_at = record, False, 0
        match operation.does:
            case "admit":
                record, admission = admit(record, policy, now, operation.permit)
                admitted, retry_at = admission.admitted, admission.retry_at_ms
            case "observe":
                record = observe(
                    record, policy, now,
                    generation=operation.generation, calls=operation.calls, permit=operation.permit,
                )  # fmt: skip
            case "command":
                record = command(record, operation.state, now, until_ms=operation.until_ms, reason=operation.reason)
        self._keep(operation.name, before, record)
        return Standing(
            operation.name, record.state, record.generation, record.since_ms, record.until_ms, record.reason,
            admitted, retry_at, tally(record, policy, now), len(record.leases), record.trial, now,
        )  # fmt: skip

    def _settle(self, name: str, record: Record, now: int) -> Record:
        settled = settle(record, now)
        self._keep(name, record, settled)
        return settled

    def _keep(self, name: str, before: Record, after: Record) -> None:
        if after is before:
            return
        self._records.pop(name, None)  # the latest active comes last
        self._records[name] = after
        if len(self._records) > NAMES_KEPT:
            del self._records[next(iter(self._records))]
        if after.generation != before.generation:
            turned = Transition(
                name, before.state, after.state, after.since_ms, after.generation, after.reason, after.until_ms
            )
            self._transitions.append(turned)
            self._history.append(turned)
            del self._transitions[:-TRANSITIONS_KEPT]

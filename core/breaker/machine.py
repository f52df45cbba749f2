"""The rules of a circuit breaker, with the terms and the meaning of Resilience4j.

Pure: a record goes in with the time in milliseconds, and a new record comes out. ``breaker.lua`` holds the same rules
for the state that processes share; one test runs both side by side.
"""

import enum
from collections.abc import Iterable
from dataclasses import dataclass, replace

BUCKETS = 10
"""Parts of a window of time; a call leaves the window with its part."""


class BreakerState(enum.StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    FORCED_OPEN = "forced_open"
    DISABLED = "disabled"


class Call(enum.StrEnum):
    """How a call ended; one letter of a window."""

    FINE = "s"
    FAILED = "f"
    SLOW = "l"
    FAILED_SLOWLY = "x"


@dataclass(frozen=True, slots=True)
class Policy:
    """When a breaker opens, and how it tries again. Times are milliseconds, shares are percent.

    The window holds the last ``window_calls`` calls, or with ``window_ms`` the calls of that time. ``slow_call_ms`` of
    0 judges no speed. After ``open_ms`` a breaker lets ``permits`` calls through and judges them alone; a permit whose
    holder never reports is given out again after ``lease_ms``.
    """

    window_calls: int = 20
    window_ms: int = 0
    minimum_calls: int = 10
    failure_percent: int = 50
    slow_call_ms: int = 0
    slow_percent: int = 100
    open_ms: int = 30_000
    permits: int = 3
    lease_ms: int = 30_000

    def __post_init__(self) -> None:
        numbers = (self.window_calls, self.minimum_calls, self.open_ms, self.permits, self.lease_ms)
        if min(numbers) < 1 or min(self.window_ms, self.slow_call_ms) < 0:
            raise ValueError("sizes and times of a breaker are positive")
        if not (1 <= self.failure_percent <= 100 and 1 <= self.slow_percent <= 100):
            raise ValueError("shares of a breaker are 1 to 100 percent")
        if not self.window_ms and self.minimum_calls > self.window_calls:
            raise ValueError("a window smaller than minimum_calls never opens")
        if 0 < self.window_ms < BUCKETS:
            raise ValueError(f"a window of time is at least {BUCKETS} ms")


@dataclass(frozen=True, slots=True)
class Bucket:
    """The calls of one part of a window of time, which began at ``start_ms``."""

    start_ms: int
    calls: int
    failed: int
    slow: int


@dataclass(frozen=True, slots=True)
class Record:
    """Where a breaker stands. ``generation`` counts its transitions; a call reports to the generation it began in.

    ``until_ms`` is when ``open`` tries again, or when an operator's command ends; 0: never by itself. ``leases`` maps
    the permits that are out to their expiry; ``trial`` holds the letters of the half-open calls that ended.
    """

    state: BreakerState = BreakerState.CLOSED
    generation: int = 0
    since_ms: int = 0
    until_ms: int = 0
    window: str = ""
    buckets: tuple[Bucket, ...] = ()
    leases: tuple[tuple[str, int], ...] = ()
    trial: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a call may go out; if not, ``retry_at_ms`` is when it is worth asking again, 0: unknown."""

    admitted: bool
    retry_at_ms: int = 0


@dataclass(frozen=True, slots=True)
class Tally:
    calls: int
    failed: int
    slow: int

    def is_bad(self, policy: Policy) -> bool:
        too_many_failed = self.failed * 100 >= policy.failure_percent * self.calls
        too_many_slow = policy.slow_call_ms > 0 and self.slow * 100 >= policy.slow_percent * self.calls
        return self.calls > 0 and (too_many_failed or too_many_slow)


def settle(record: Record, now_ms: int) -> Record:
    """What time alone changes: an open breaker becomes half open, a command that has an end is over."""
    if not record.until_ms or now_ms < record.until_ms:
        return record
    if record.state is BreakerState.OPEN:
        return _turn(record, BreakerState.HALF_OPEN, now_ms, reason=record.reason)
    if record.state in {BreakerState.FORCED_OPEN, BreakerState.DISABLED}:
        return _turn(record, BreakerState.CLOSED, now_ms)
    return record


def admit(record: Record, policy: Policy, now_ms: int, permit: str) -> tuple[Record, Admission]:
    """Ask for one call. A half-open breaker notes ``permit``, which ``observe`` takes back."""
    record = settle(record, now_ms)
    match record.state:
        case BreakerState.CLOSED | BreakerState.DISABLED:
            return record, Admission(admitted=True)
        case BreakerState.OPEN | BreakerState.FORCED_OPEN:
            return record, Admission(admitted=False, retry_at_ms=record.until_ms)
    leases = tuple((holder, expiry) for holder, expiry in record.leases if expiry > now_ms)
    if len(leases) + len(record.trial) >= policy.permits:
        retry_at_ms = min((expiry for _, expiry in leases), default=0)
        return replace(record, leases=leases), Admission(admitted=False, retry_at_ms=retry_at_ms)
    return replace(record, leases=(*leases, (permit, now_ms + policy.lease_ms))), Admission(admitted=True)


def observe(
    record: Record, policy: Policy, now_ms: int, *, generation: int, calls: Iterable[str], permit: str = ""
) -> Record:
    """Note how calls ended that began in ``generation``. Those of another generation say nothing about this one."""
    record = settle(record, now_ms)
    letters = "".join(calls)
    if generation != record.generation or not letters:
        return record
    if record.state is BreakerState.CLOSED:
        return _observe_closed(record, policy, now_ms, letters)
    if record.state is BreakerState.HALF_OPEN:
        return _observe_trial(record, policy, now_ms, letters[0], permit)
    return record


def command(record: Record, state: BreakerState, now_ms: int, *, until_ms: int = 0, reason: str = "") -> Record:
    """An operator's word: ``forced_open`` and ``disabled`` until it ends, ``closed`` with an empty window."""
    if state not in {BreakerState.FORCED_OPEN, BreakerState.DISABLED, BreakerState.CLOSED}:
        raise ValueError(f"nobody can command {state}")
    ends = 0 if state is BreakerState.CLOSED else until_ms
    return replace(_turn(record, state, now_ms, reason=reason), until_ms=ends)


def tally(record: Record, policy: Policy, now_ms: int) -> Tally:
    """What the window holds now."""
    if not policy.window_ms:
        return _count(record.window)
    live = _live_buckets(record.buckets, policy, now_ms)
    return Tally(sum(b.calls for b in live), sum(b.failed for b in live), sum(b.slow for b in live))


def letter_of(policy: Policy, *, failed: bool, duration_ms: float) -> Call:
    slow = 0 < policy.slow_call_ms <= duration_ms
    if failed:
        return Call.FAILED_SLOWLY if slow else Call.FAILED
    return Call.SLOW if slow else Call.FINE


def _turn(record: Record, state: BreakerState, now_ms: int, *, until_ms: int = 0, reason: str = "") -> Record:
    return Record(state, record.generation + 1, now_ms, until_ms, reason=reason)


def _observe_closed(record: Record, policy: Policy, now_ms: int, letters: str) -> Record:
    if policy.window_ms:
        record = replace(record, buckets=_extend(record.buckets, policy, now_ms, _count(letters)))
    else:
        record = replace(record, window=(record.window + letters)[-policy.window_calls :])
    seen = tally(record, policy, now_ms)
    if seen.calls >= policy.minimum_calls and seen.is_bad(policy):
        return _open(record, policy, now_ms, seen)
    return record


def _observe_trial(record: Record, policy: Policy, now_ms: int, letter: str, permit: str) -> Record:
    leases = tuple(lease for lease in record.leases if lease[0] != permit)
    if len(leases) == len(record.leases):  # it was given out again, and another counts in its place
        return record
    record = replace(record, leases=leases, trial=record.trial + letter)
    if len(record.trial) < policy.permits:
        return record
    seen = _count(record.trial)
    return _open(record, policy, now_ms, seen) if seen.is_bad(policy) else _turn(record, BreakerState.CLOSED, now_ms)


def _open(record: Record, policy: Policy, now_ms: int, seen: Tally) -> Record:
    reason = f"{seen.failed} of {seen.calls} calls failed"
    if seen.slow:
        reason += f", {seen.slow} were slow"
    return _turn(record, BreakerState.OPEN, now_ms, until_ms=now_ms + policy.open_ms, reason=reason)


def _count(letters: str) -> Tally:
    failed_slowly = letters.count(Call.FAILED_SLOWLY)
    return Tally(
        calls=len(letters),
        failed=letters.count(Call.FAILED) + failed_slowly,
        slow=letters.count(Call.SLOW) + failed_slowly,
    )


def _live_buckets(buckets: tuple[Bucket, ...], policy: Policy, now_ms: int) -> tuple[Bucket, ...]:
    oldest = now_ms - policy.window_ms
    return tuple(bucket for bucket in buckets if oldest < bucket.start_ms <= now_ms)


def _extend(buckets: tuple[Bucket, ...], policy: Policy, now_ms: int, seen: Tally) -> tuple[Bucket, ...]:
    width = policy.window_ms // BUCKETS
    start = now_ms - now_ms % width
    live = _live_buckets(buckets, policy, now_ms)
    if live and live[-1].start_ms == start:
        last = live[-1]
        grown = Bucket(start, last.calls + seen.calls, last.failed + seen.failed, last.slow + seen.slow)
        return (*live[:-1], grown)
    return (*live, Bucket(start, seen.calls, seen.failed, seen.slow))

"""Breakers of the fleet: their states, what several instances add up to, and what it means for their entity. Pure.

Times are milliseconds since the epoch, shares are 0 to 1.
"""

import enum
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from core.durations import describe_duration_ms
from ops.signals.domain import Status


class BreakerState(enum.StrEnum):
    """The states of Resilience4j, and unknown for a breaker of which nobody tells any more."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    FORCED_OPEN = "forced_open"
    DISABLED = "disabled"
    METRICS_ONLY = "metrics_only"
    UNKNOWN = "unknown"

    @property
    def words(self) -> str:
        return _WORDS.get(self, self.value)


class Action(enum.StrEnum):
    """What an operator may do to a breaker."""

    FORCE_OPEN = "force_open"
    CLOSE = "close"
    DISABLE = "disable"
    RESET = "reset"


COUNT_MAX = 2**53
"""Counters beyond it are cut: sums of them must fit into the columns of every database."""

KNOWN_STATES = tuple(state for state in BreakerState if state is not BreakerState.UNKNOWN)
OPEN_STATES = frozenset({BreakerState.OPEN, BreakerState.FORCED_OPEN})

_WORDS = {
    BreakerState.HALF_OPEN: "half-open",
    BreakerState.FORCED_OPEN: "forced open",
    BreakerState.METRICS_ONLY: "metrics only",
}

TROUBLED = "troubled"
"""What lists call all states that make an entity degraded."""

STATUSES: Mapping[BreakerState, Status] = {
    BreakerState.FORCED_OPEN: Status.DEGRADED,
    BreakerState.OPEN: Status.DEGRADED,
    BreakerState.HALF_OPEN: Status.DEGRADED,
    BreakerState.CLOSED: Status.HEALTHY,
    BreakerState.DISABLED: Status.HEALTHY,
    BreakerState.METRICS_ONLY: Status.HEALTHY,
    BreakerState.UNKNOWN: Status.UNKNOWN,
}
"""What a breaker says of its entity. An open one never makes it unhealthy, not even on all instances: it says that
something behind the entity fails, and that the entity goes on without it. Whether it does is for its checks to say, and
an unhealthy entity would be named as the root cause of what depends on it."""

RANKS: Mapping[BreakerState, int] = {
    BreakerState.OPEN: 6,
    BreakerState.FORCED_OPEN: 5,
    BreakerState.HALF_OPEN: 4,
    BreakerState.UNKNOWN: 3,
    BreakerState.DISABLED: 2,
    BreakerState.METRICS_ONLY: 1,
    BreakerState.CLOSED: 0,
}
"""The order of trouble in lists: what cuts off first, what protects nothing before what is closed."""


class Counters(NamedTuple):
    """What an instance counts, None where it does not tell.

    ``calls``, ``failures`` and ``not_permitted`` only rise; ``buffered`` are the calls of its sliding window, ``slow``
    the slow ones among them, and the shares are of it.
    """

    calls: int | None = None
    failures: int | None = None
    slow: int | None = None
    not_permitted: int | None = None
    buffered: int | None = None
    failure_share: float | None = None
    slow_share: float | None = None


NOTHING_COUNTED = Counters()


class Sighting(NamedTuple):
    """One instance of a breaker as it was seen or reported.

    ``at_ms`` and then ``sequence`` order the sightings of an instance. ``since_ms`` is when it entered its state, where
    that is told; ``fresh_until_ms`` is how long it is believed.
    """

    breaker: str
    instance: str
    state: BreakerState
    at_ms: int
    fresh_until_ms: int
    sequence: int = 0
    since_ms: int | None = None
    next_half_open_ms: int | None = None
    counters: Counters = NOTHING_COUNTED
    message: str = ""

    @property
    def position(self) -> tuple[int, int]:
        return self.at_ms, self.sequence


class InstanceStanding(NamedTuple):
    """How one instance stands; ``changed_ms`` is its last transition, None when none was seen."""

    state: BreakerState
    fresh_until_ms: int
    changed_ms: int | None = None
    next_half_open_ms: int | None = None
    calls_per_minute: float | None = None
    buffered: int | None = None
    failure_share: float | None = None

    def state_at(self, now_ms: int) -> BreakerState:
        return BreakerState.UNKNOWN if self.fresh_until_ms < now_ms else self.state


class Aggregate(NamedTuple):
    """What the instances of a breaker add up to.

    ``matching`` of ``instances`` are in ``state``, ``silent`` of them are stale.
    """

    state: BreakerState
    matching: int
    instances: int
    silent: int
    fresh_until_ms: int
    last_transition_ms: int | None = None
    next_half_open_ms: int | None = None
    failure_share: float | None = None
    calls_per_minute: float | None = None


def aggregate(standings: Sequence[InstanceStanding], now_ms: int) -> Aggregate:
    """The state is the one of the most trouble among the instances that are not stale, unknown when all are."""
    heard = [standing for standing in standings if standing.state_at(now_ms) is not BreakerState.UNKNOWN]
    state = max((standing.state for standing in heard), key=lambda found: RANKS[found], default=BreakerState.UNKNOWN)
    rates = [standing.calls_per_minute for standing in heard if standing.calls_per_minute is not None]
    return Aggregate(
        state=state,
        matching=sum(standing.state is state for standing in heard) if heard else len(standings),
        instances=len(standings),
        silent=len(standings) - len(heard),
        fresh_until_ms=max((standing.fresh_until_ms for standing in standings), default=0),
        last_transition_ms=max(_known(standing.changed_ms for standing in standings), default=None),
        next_half_open_ms=min(
            _known(standing.next_half_open_ms for standing in heard if standing.state is BreakerState.OPEN),
            default=None,
        ),
        failure_share=_failure_share(heard),
        calls_per_minute=sum(rates) if rates else None,
    )


def _known(values: Iterable[int | None]) -> list[int]:
    return [value for value in values if value is not None]


def _failure_share(standings: Iterable[InstanceStanding]) -> float | None:
    """The mean of the instances, each weighing as much as the calls that its share is of."""
    told = [
        (standing.failure_share, max(1, 1 if standing.buffered is None else standing.buffered))
        for standing in standings
        if standing.failure_share is not None
    ]
    if not told:
        return None
    return sum(share * weight for share, weight in told) / sum(weight for _, weight in told)


def summarize(found: Aggregate, now_ms: int) -> str:
    """``open on 2 of 5 instances, last transition 40 s ago, next half-open in 20 s``."""
    where = f" on {found.matching} of {found.instances} instances" if found.instances > 1 else ""
    parts = [f"{found.state.words}{where}"]
    if found.silent and found.state is not BreakerState.UNKNOWN:
        parts.append(f"{found.silent} silent")
    if found.last_transition_ms is not None:
        parts.append(f"last transition {_describe(now_ms - found.last_transition_ms)} ago")
    if found.next_half_open_ms is not None:
        left = found.next_half_open_ms - now_ms
        parts.append(f"next half-open in {_describe(left)}" if left > 0 else "half-open is due")
    return ", ".join(parts)


def _describe(milliseconds: int) -> str:
    """Below two minutes in whole seconds: what changes with every look is not worth more."""
    seconds = max(0, milliseconds) // 1_000
    return f"{seconds} s" if seconds < 120 else describe_duration_ms(seconds * 1_000)


def calls_per_minute(before: int | None, after: int | None, *, elapsed_ms: int) -> float | None:
    """From two readings of a counter; None when it does not tell, such as after a restart."""
    if before is None or after is None or after < before or elapsed_ms <= 0:
        return None
    return (after - before) * 60_000 / elapsed_ms

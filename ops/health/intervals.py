"""The status of a check over time, as intervals. Pure; times are milliseconds since the epoch."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ops.signals.domain import Status


@dataclass(frozen=True, slots=True)
class StateInterval:
    """From ``start_ms`` up to, not including, ``end_ms`` the check had this status."""

    status: Status
    start_ms: int
    end_ms: int


class StateTime(NamedTuple):
    """Milliseconds in each state: ``known`` is all that was not unknown, the others are parts of it."""

    known: int = 0
    degraded: int = 0
    down: int = 0


def intervals_between(
    changes: Sequence[tuple[int, int]], *, before: Status, silent_from_ms: int | None, since_ms: int, until_ms: int
) -> list[StateInterval]:
    """The whole range as intervals, in order and without gaps.

    ``changes`` are moments within the range, in order, with the status from then on; ``before`` holds until the first.
    From ``silent_from_ms`` on, when results stopped coming, it is unknown.
    """
    moments = [(since_ms, int(before)), *changes]
    if silent_from_ms is not None and silent_from_ms < until_ms:
        moments.append((max(silent_from_ms, moments[-1][0]), int(Status.UNKNOWN)))
    found: list[StateInterval] = []
    for number, (start, status) in enumerate(moments):
        end = moments[number + 1][0] if number + 1 < len(moments) else until_ms
        if end <= start:
            continue
        if found and found[-1].status == status:
            start = found.pop().start_ms  # noqa: PLW2901 - one longer interval
        found.append(StateInterval(Status(status), start, end))
    return found


def time_by_state(intervals: Iterable[StateInterval]) -> StateTime:
    known = degraded = down = 0
    for interval in intervals:
        span = interval.end_ms - interval.start_ms
        known += span * (interval.status is not Status.UNKNOWN)
        degraded += span * (interval.status is Status.DEGRADED)
        down += span * (interval.status is Status.UNHEALTHY)
    return StateTime(known, degraded, down)


def time_by_bucket(intervals: Iterable[StateInterval], *, step_ms: int) -> dict[int, StateTime]:
    """The same for each bucket of a grid, by the start of the bucket; without those that are unknown throughout."""
    found: dict[int, StateTime] = {}
    for interval in intervals:
        if interval.status is Status.UNKNOWN:
            continue
        start = interval.start_ms
        while start < interval.end_ms:
            bucket = start // step_ms * step_ms
            end = min(bucket + step_ms, interval.end_ms)
            had, span = found.get(bucket, _NONE), end - start
            found[bucket] = StateTime(
                had.known + span,
                had.degraded + span * (interval.status is Status.DEGRADED),
                had.down + span * (interval.status is Status.UNHEALTHY),
            )
            start = end
    return found


_NONE = StateTime()

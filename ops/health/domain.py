"""How outcomes become a status. Pure: no database, no clock; times are passed in as milliseconds since the epoch."""

import enum
from dataclasses import dataclass


class Status(enum.IntEnum):
    """The status of a check and the outcome of one probe; stored as this number, ordered by severity."""

    HEALTHY = 0
    UNKNOWN = 1
    DEGRADED = 2
    UNHEALTHY = 3

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How many results in a row it takes to get worse, and to get better."""

    failure: int = 1
    success: int = 1


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a check stands: its status, and the two runs of results that decide the next one.

    ``fine_run`` counts healthy results in a row, or as a negative number results that were not healthy.
    ``up_run`` counts results in a row that were not unhealthy, or as a negative number unhealthy ones.
    """

    status: Status = Status.UNKNOWN
    fine_run: int = 0
    up_run: int = 0


_RUN_LIMIT = 30_000  # the columns are small integers


def _extend(run: int, *, good: bool) -> int:
    if good:
        return min(run + 1, _RUN_LIMIT) if run > 0 else 1
    return max(run - 1, -_RUN_LIMIT) if run < 0 else -1


def next_standing(previous: Standing, outcome: Status, thresholds: Thresholds) -> Standing:
    """The standing after one more result.

    Two switches with hysteresis: *down* turns on after ``failure`` unhealthy results in a row and off after
    ``success`` others; *troubled* does the same for results that are not healthy. A check without a status takes
    its first good one at once. An outcome of unknown says nothing about the target and changes nothing.
    """
    if outcome is Status.UNKNOWN:
        return previous
    fine_run = _extend(previous.fine_run, good=outcome is Status.HEALTHY)
    up_run = _extend(previous.up_run, good=outcome is not Status.UNHEALTHY)
    fresh = previous.status is Status.UNKNOWN

    def switch(run: int, *, was_on: bool) -> bool | None:
        if run < 0:
            return True if was_on or -run >= thresholds.failure else (None if fresh else False)
        return was_on and run < thresholds.success

    down = switch(up_run, was_on=previous.status is Status.UNHEALTHY)
    troubled = switch(fine_run, was_on=previous.status in {Status.UNHEALTHY, Status.DEGRADED})
    if down:
        status = Status.UNHEALTHY
    elif troubled:
        status = Status.DEGRADED
    elif down is None or troubled is None:
        status = Status.UNKNOWN
    else:
        status = Status.HEALTHY
    return Standing(status=status, fine_run=fine_run, up_run=up_run)


def standing_at(stored: Standing, *, fresh_until_ms: int | None, at_ms: int) -> Standing:
    """The standing as it counts at ``at_ms``: once results stopped coming it starts again as unknown, its runs at 0."""
    if fresh_until_ms is None or fresh_until_ms < at_ms:
        return Standing()
    return stored


def fresh_until(*, next_due_ms: int, interval_ms: int, timeout_ms: int) -> int:
    """When a status stops being believed: three intervals after its slot, at most a minute after the next one is due.

    A check with a timeout near its interval gets the time to use it.
    """
    return next_due_ms + max(min(2 * interval_ms, 60_000), timeout_ms + 5_000)

"""How outcomes become a status. Pure: no database, no clock; times are passed in as milliseconds since the epoch."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from ops.signals.domain import Status


class Severity(enum.StrEnum):
    """How much a check matters to its entity."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


def counted_status(status: Status, severity: Severity) -> Status | None:
    """What a check's status counts for its entity; a warning's unhealthy is degraded, and what merely informs None."""
    if severity is Severity.INFO:
        return None
    return min(status, Status.DEGRADED) if severity is Severity.WARNING else status


def turned_upside_down(outcome: Status) -> Status:
    """The outcome of a check that wants its target to be away; an outcome that says nothing still says nothing."""
    match outcome:
        case Status.UNKNOWN:
            return outcome
        case Status.UNHEALTHY:
            return Status.HEALTHY
        case _:
            return Status.UNHEALTHY


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


def standing_reason(standing: Standing, message: str, thresholds: Thresholds) -> str:
    """Why a check stands as it does. ``message`` is what its last result said, which is nothing when that was healthy
    while the check still needs more such results to get better.
    """
    run = standing.up_run if standing.status is Status.UNHEALTHY else standing.fine_run
    if standing.status not in {Status.UNHEALTHY, Status.DEGRADED} or run <= 0:
        return message
    recovering = f"recovering, {run} of {thresholds.success} good results"
    return f"{recovering}: {message}" if message else recovering


def standing_at(stored: Standing, *, fresh_until_ms: int | None, at_ms: int) -> Standing:
    """The standing as it counts at ``at_ms``: once results stopped coming it starts again as unknown, its runs at 0."""
    if fresh_until_ms is None or fresh_until_ms < at_ms:
        return Standing()
    return stored


@dataclass(frozen=True, slots=True)
class NextSlot:
    """When a check is due again.

    While it is retried ``retry_ms`` is the time from slot to slot, and ``anchor_ms`` a slot of its regular rhythm, to
    which it returns; both are None in that rhythm.
    """

    due_ms: int
    retry_ms: int | None = None
    anchor_ms: int | None = None


def next_slot(
    slot_ms: int, outcome: Status, *, interval_ms: int, retry_ms: int | None = None, anchor_ms: int | None = None
) -> NextSlot:
    """The slot after ``slot_ms``, which is always later. ``anchor_ms`` is that of a check that was being retried.

    Retries are counted from their slots and never from the end of a probe, and the first healthy result leads back to
    the regular slots, so trouble neither makes a schedule drift nor moves its phase.
    """
    anchor = slot_ms if anchor_ms is None else anchor_ms
    if retry_ms is not None and outcome is not Status.HEALTHY:
        return NextSlot(slot_ms + retry_ms, retry_ms, anchor)
    return NextSlot(anchor + ((slot_ms - anchor) // interval_ms + 1) * interval_ms)


type Runs = Mapping[str, int]
"""Runs under way: when each started, by its id; that of a run without one is empty."""

RUNS_KEPT = 16


def start_run(runs: Runs, run_id: str, *, at_ms: int) -> Runs:
    """A run that is started again counts from then. Of too many the oldest are forgotten: they crashed unheard."""
    newest = sorted({**runs, run_id: at_ms}.items(), key=lambda run: run[1])[-RUNS_KEPT:]
    return dict(newest)


def end_run(runs: Runs, run_id: str) -> tuple[Runs, int | None]:
    """The runs that go on, and when this one started, if it told."""
    return {other: at for other, at in runs.items() if other != run_id}, runs.get(run_id)


def ping_deadline(expected_ms: int, runs: Runs, *, grace_ms: int, now_ms: int) -> int:
    """When silence is a failure: at ``expected_ms``, or earlier when a run under way is over its grace by then.

    A run that is over it already was told of once and is waited for no longer.
    """
    ends = (started + grace_ms for started in runs.values())
    return min([expected_ms, *(end for end in ends if end > now_ms)])


def find_overdue_run(runs: Runs, *, deadline_ms: int, grace_ms: int) -> int | None:
    """When the run started that made the deadline, if one did."""
    return next((started for started in runs.values() if started + grace_ms == deadline_ms), None)

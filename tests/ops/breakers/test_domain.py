"""States of instances, what they add up to, and in which words."""

import pytest

from ops.breakers.domain import (
    STATUSES,
    BreakerState,
    InstanceStanding,
    aggregate,
    calls_per_minute,
    summarize,
)
from ops.signals.domain import Status

NOW = 1_000_000


def standing(state: BreakerState, **fields: object) -> InstanceStanding:
    return InstanceStanding(state, **{"fresh_until_ms": NOW + 1, **fields})  # type: ignore[arg-type]


def test_instances_add_up_to_the_state_of_most_trouble() -> None:
    found = aggregate(
        [
            standing(BreakerState.OPEN, changed_ms=NOW - 40_500, next_half_open_ms=NOW + 20_900),
            standing(BreakerState.OPEN, changed_ms=NOW - 90_000, next_half_open_ms=NOW + 60_000),
            standing(BreakerState.HALF_OPEN),
            standing(BreakerState.CLOSED),
            standing(BreakerState.CLOSED, changed_ms=NOW - 200_000),
        ],
        NOW,
    )
    assert summarize(found, NOW) == "open on 2 of 5 instances, last transition 40 s ago, next half-open in 20 s"


def test_one_instance_needs_no_count() -> None:
    assert summarize(aggregate([standing(BreakerState.FORCED_OPEN)], NOW), NOW) == "forced open"


def test_a_stale_instance_is_named_and_does_not_count() -> None:
    stale = standing(BreakerState.OPEN, fresh_until_ms=NOW - 1, next_half_open_ms=NOW + 5, failure_share=1.0)
    found = aggregate([stale, standing(BreakerState.CLOSED, failure_share=0.5)], NOW)
    assert (found.state, found.failure_share, found.next_half_open_ms) == (BreakerState.CLOSED, 0.5, None)
    assert summarize(found, NOW) == "closed on 1 of 2 instances, 1 silent"


def test_all_stale_is_unknown() -> None:
    found = aggregate([standing(BreakerState.OPEN, fresh_until_ms=NOW - 1)] * 3, NOW)
    assert found.state is BreakerState.UNKNOWN
    assert summarize(found, NOW) == "unknown on 3 of 3 instances"


def test_without_instances_it_is_unknown() -> None:
    assert aggregate([], NOW).state is BreakerState.UNKNOWN


def test_failure_shares_weigh_as_much_as_the_calls_behind_them() -> None:
    busy = standing(BreakerState.CLOSED, failure_share=0.1, buffered=90)
    idle = standing(BreakerState.CLOSED, failure_share=1.0, buffered=10)
    assert aggregate([busy, idle], NOW).failure_share == pytest.approx(0.19)
    assert aggregate([busy, standing(BreakerState.CLOSED)], NOW).failure_share == pytest.approx(0.1)


def test_an_open_breaker_degrades_and_never_more() -> None:
    assert {state: status for state, status in STATUSES.items() if status is not Status.HEALTHY} == {
        BreakerState.OPEN: Status.DEGRADED,
        BreakerState.FORCED_OPEN: Status.DEGRADED,
        BreakerState.HALF_OPEN: Status.DEGRADED,
        BreakerState.UNKNOWN: Status.UNKNOWN,
    }
    assert set(STATUSES) == set(BreakerState)


@pytest.mark.parametrize(
    ("before", "after", "elapsed_ms", "rate"),
    [(100, 160, 30_000, 120.0), (160, 100, 30_000, None), (None, 5, 1_000, None), (1, 2, 0, None)],
)
def test_calls_per_minute_come_from_two_readings(
    before: int | None, after: int | None, elapsed_ms: int, rate: float | None
) -> None:
    assert calls_per_minute(before, after, elapsed_ms=elapsed_ms) == rate

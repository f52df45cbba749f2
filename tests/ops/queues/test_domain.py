"""Limits, growth and rates: pure rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.queues.domain import Limits, Rates, Sample, growth_per_ms, judge, rates
from ops.signals.domain import Status

MINUTE = 60_000


def growing(*sizes: int, step_ms: int = MINUTE) -> list[Sample]:
    return [Sample(number * step_ms, size) for number, size in enumerate(sizes)]


@pytest.mark.parametrize(
    ("seen", "limits", "status", "message"),
    [
        (Sample(0, 5), Limits(), Status.HEALTHY, ""),
        (Sample(0, 100), Limits(max_size=100), Status.HEALTHY, ""),
        (Sample(0, 101), Limits(max_size=100), Status.UNHEALTHY, "101 waiting, limit 100"),
        (Sample(0, 60), Limits(max_size=100, warn_size=50), Status.DEGRADED, "60 waiting, limit 50"),
        (Sample(0, 1, 400_000), Limits(max_age_ms=300_000), Status.UNHEALTHY, "the oldest waits 6.7 min, limit 5 min"),
        (Sample(0, 1, 90_000), Limits(warn_age_ms=60_000), Status.DEGRADED, "the oldest waits 90 s, limit 60 s"),
        (Sample(0, 1), Limits(max_age_ms=1), Status.HEALTHY, ""),
        (Sample(0, 0, consumers=0), Limits(min_consumers=1), Status.UNHEALTHY, "no consumers"),
        (Sample(0, 0, consumers=2), Limits(min_consumers=3), Status.UNHEALTHY, "2 of 3 consumers"),
        (Sample(0, 0), Limits(min_consumers=1), Status.HEALTHY, ""),
        (
            Sample(0, 60, consumers=0), Limits(warn_size=50, min_consumers=1), Status.UNHEALTHY,
            "no consumers; 60 waiting, limit 50",
        ),
    ],
)  # fmt: skip
def test_limits(seen: Sample, limits: Limits, status: Status, message: str) -> None:
    judgement = judge(seen, [], limits)

    assert (judgement.status, judgement.message) == (status, message)


def test_steady_growth_is_told_before_it_breaches() -> None:
    *before, last = growing(40, 44, 48, 52)

    judgement = judge(last, before, Limits(max_size=100))

    assert judgement.status is Status.DEGRADED
    assert judgement.message == "52 waiting, will breach 100 in 12 min at this rate"
    assert judgement.breach_in_ms == pytest.approx(735_000)
    limited = judge(last, before, Limits(max_size=100, warn_size=50))
    assert limited.message == "52 waiting, limit 50; will breach 100 in 12 min at this rate"


@pytest.mark.parametrize(
    "sizes",
    [
        (52, 48, 44, 40),
        (50, 50, 50, 50),
        (0, 0, 0, 80),
        (0, 0, 80, 80),
        (10, 60, 5, 70),
        (40, 44, 48),
    ],
)
def test_what_does_not_grow_steadily_is_no_forecast(sizes: tuple[int, ...]) -> None:
    *before, last = growing(*sizes)

    assert judge(last, before, Limits(max_size=100)).status is Status.HEALTHY


def test_a_breach_that_is_far_off_is_told_but_no_trouble() -> None:
    *before, last = growing(1, 2, 3, 4)

    judgement = judge(last, before, Limits(max_size=100))

    assert judgement.status is Status.HEALTHY
    assert judgement.breach_in_ms == pytest.approx(97 * MINUTE)
    assert judge(last, before, Limits(max_size=100, breach_within_ms=0)).breach_in_ms is None


def test_over_the_limit_there_is_nothing_to_forecast() -> None:
    *before, last = growing(80, 100, 120, 140)

    judgement = judge(last, before, Limits(max_size=100))

    assert (judgement.status, judgement.breach_in_ms) == (Status.UNHEALTHY, None)


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([], Rates()),
        ([Sample(0, 5)], Rates()),
        ([Sample(0, 5), Sample(10_000, 25)], Rates(2, 0)),
        ([Sample(0, 25), Sample(10_000, 5)], Rates(0, 2)),
        ([Sample(0, 5, added=0, removed=0), Sample(10_000, 5, added=50, removed=50)], Rates(5, 5)),
        ([Sample(0, 5, added=0), Sample(10_000, 15, added=50)], Rates(5, 4)),
        ([Sample(0, 5, removed=0), Sample(10_000, 15, removed=50)], Rates(6, 5)),
        (
            [Sample(0, 5, added=900), Sample(10_000, 5, added=1), Sample(20_000, 5, added=11)],
            Rates(1, 1),
        ),
    ],
)
def test_rates(samples: list[Sample], expected: Rates) -> None:
    assert rates(samples) == expected


@given(st.lists(st.tuples(st.integers(0, 10**15), st.integers(0, 10**15), st.integers(0, 10**15)), max_size=15))
def test_no_history_is_too_odd(rows: list[tuple[int, int, int]]) -> None:
    samples = [Sample(number * 1_000, size, None, None, added, gone) for number, (size, added, gone) in enumerate(rows)]

    growth_per_ms(samples)
    found = rates(samples)
    assert found.in_per_second is None or found.in_per_second >= 0
    if samples:
        judgement = judge(samples[-1], samples[:-1], Limits(max_size=10**9, breach_within_ms=10**9))
        assert judgement.breach_in_ms is None or judgement.breach_in_ms >= 0

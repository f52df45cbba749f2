"""Durations as a histogram: whatever is merged in whatever order, percentiles are off by 2 % at most."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.latency import RELATIVE_ERROR, Histogram, bucket_of, merge_into, pack, percentiles_us, unpack

DURATIONS = st.lists(st.integers(1, 86_400_000_000), min_size=1, max_size=200)
SHARES = (0.5, 0.95, 0.99, 1.0)


def histogram_of(durations: list[int]) -> Histogram:
    found: Histogram = {}
    for duration in durations:
        merge_into(found, {bucket_of(duration): 1})
    return found


@given(DURATIONS, DURATIONS)
def test_percentiles_of_a_merged_histogram_are_those_of_all_durations(first: list[int], second: list[int]) -> None:
    merged = histogram_of(first)
    merge_into(merged, unpack(pack(histogram_of(second))))

    ordered = sorted(first + second)
    exact = [ordered[math.ceil(share * len(ordered)) - 1] for share in SHARES]
    assert percentiles_us(merged, *SHARES) == [pytest.approx(value, rel=RELATIVE_ERROR + 1e-9) for value in exact]


@given(st.dictionaries(st.integers(0, 1_000), st.integers(1, 10_000_000)))
def test_packing_loses_nothing(histogram: Histogram) -> None:
    assert unpack(pack(histogram)) == histogram


def test_it_stays_small() -> None:
    five_minutes = histogram_of([12_000 + 700 * number for number in range(10)])
    every_bucket_of_a_day_each_second = dict.fromkeys(range(631), 86_400)

    assert len(pack(five_minutes)) <= 25
    assert len(pack(every_bucket_of_a_day_each_second)) <= 2_600


def test_nothing_has_no_percentile() -> None:
    assert percentiles_us({}, 0.5, 0.95) == [None, None]

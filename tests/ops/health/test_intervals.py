"""The status over time as intervals."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ops.health.intervals import StateInterval, StateTime, intervals_between, time_by_bucket, time_by_state
from ops.signals.domain import Status

MOMENTS = st.lists(st.tuples(st.integers(1, 999), st.sampled_from(list(Status))), max_size=20)


def between(changes: list[tuple[int, int]], *, silent: int | None = None) -> list[StateInterval]:
    return intervals_between(changes, before=Status.HEALTHY, silent_from_ms=silent, since_ms=0, until_ms=1_000)


@given(MOMENTS, st.sampled_from(Status), st.none() | st.integers(0, 2_000), st.integers(1, 400))
def test_the_range_is_covered_once_and_buckets_add_up(
    changes: list[tuple[int, int]], before: Status, silent: int | None, step: int
) -> None:
    found = intervals_between(sorted(changes), before=before, silent_from_ms=silent, since_ms=0, until_ms=1_000)

    assert [found[0].start_ms, *(item.end_ms for item in found)] == [*(item.start_ms for item in found), 1_000]
    assert all(one.status is not next_one.status for one, next_one in pairwise(found))
    buckets = time_by_bucket(found, step_ms=step).values()
    assert StateTime(*(sum(part) for part in zip(*buckets, strict=True))) == time_by_state(found)


def test_silence_is_unknown_from_where_freshness_ended() -> None:
    assert between([(200, Status.UNHEALTHY)], silent=700) == [
        StateInterval(Status.HEALTHY, 0, 200),
        StateInterval(Status.UNHEALTHY, 200, 700),
        StateInterval(Status.UNKNOWN, 700, 1_000),
    ]
    assert between([], silent=-50) == [StateInterval(Status.UNKNOWN, 0, 1_000)]


def test_of_changes_in_the_same_millisecond_the_last_one_counts() -> None:
    assert between([(500, Status.UNHEALTHY), (500, Status.DEGRADED)])[1].status is Status.DEGRADED


def test_time_is_summed_by_state() -> None:
    found = between([(100, Status.DEGRADED), (300, Status.UNHEALTHY), (600, Status.UNKNOWN)])
    assert time_by_state(found) == StateTime(known=600, degraded=200, down=300)

"""Who is up and what each has in hand, by the heartbeats of workers. Time is passed in."""

from typing import Any

import pytest

from ops.queues import worker_events
from ops.queues.task_events import TaskStatistics
from ops.queues.worker_events import GONE_SECONDS, Host

LONG = 3_600.0


def beat(at: float, hostname: Any = "one@here", kind: str = "heartbeat", **fields: Any) -> tuple[float, dict[str, Any]]:
    return at, {"type": f"worker-{kind}", "hostname": hostname, "freq": 2.0, "active": 0, **fields}


def task(at: float, kind: str = "started") -> tuple[float, dict[str, Any]]:
    return at, {"type": f"task-{kind}", "uuid": "1", "hostname": "one@here"}


def heard(*events: tuple[float, dict[str, Any]]) -> TaskStatistics:
    statistics = TaskStatistics()
    for at, event in events:
        statistics.add(event, at=at)
    return statistics


def look(*events: tuple[float, dict[str, Any]], now: float, listened: float = LONG) -> dict[str, Host]:
    return heard(*events).workers.look(now, listened)


def test_a_worker_tells_how_many_tasks_it_runs() -> None:
    found = look(beat(1_000, kind="online"), beat(1_002, active=3), now=1_003)

    assert found == {"one@here": Host(is_up=True, active=3, interval_seconds=2.0, silent_seconds=1.0)}


@pytest.mark.parametrize(
    ("after", "is_up"),
    [(0.0, True), (6.0, True), (6.1, False), (6.0 + GONE_SECONDS, False), (6.1 + GONE_SECONDS, None)],
)
def test_it_is_up_for_three_heartbeats_then_gone_then_forgotten(after: float, is_up: bool | None) -> None:
    found = look(beat(1_000), now=1_000 + after).get("one@here")

    assert (None if found is None else found.is_up) is is_up


def test_its_own_interval_counts() -> None:
    assert look(beat(1_000, freq=30.0), now=1_080)["one@here"].is_up


def test_the_silence_of_a_time_without_a_listener_does_not_count() -> None:
    assert look(beat(1_000), now=1_100, listened=5.0)["one@here"].is_up


def test_one_that_was_gone_before_the_gap_stays_so_until_it_is_heard() -> None:
    workers = heard(beat(1_000)).workers
    assert not workers.look(1_100, LONG)["one@here"].is_up
    assert not workers.look(1_101, 0.0)["one@here"].is_up

    workers.hear_worker("one@here", "heartbeat", {}, at=1_102)
    assert workers.look(1_102, 1.0)["one@here"].is_up


def test_one_that_says_goodbye_is_gone_at_once_until_it_is_back() -> None:
    goodbye = [beat(1_000), beat(1_001, kind="offline"), task(1_001, "succeeded")]

    assert not look(*goodbye, now=1_001)["one@here"].is_up
    assert heard(*goodbye).workers.count(0) == 0
    assert look(*goodbye, beat(1_002, kind="online"), now=1_002)["one@here"].is_up


def test_the_events_of_its_tasks_are_signs_of_life() -> None:
    assert look(beat(1_000), task(1_009), now=1_010)["one@here"].is_up


def test_of_one_without_heartbeats_nobody_tells_whether_it_is_gone() -> None:
    seen = heard(task(1_000))

    assert seen.workers.look(1_000, LONG) == {}
    assert seen.workers.count(1_000) == 1


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_events, "HOSTS_MAX", 10)
    found = look(*(beat(at, f"{at}" * 1_000) for at in range(1_000, 1_050)), now=1_050)

    assert len(found) == 10
    assert max(map(len, found)) == 200


@pytest.mark.parametrize("value", [None, "x", float("nan"), float("inf"), -1, True, [], 10**400])
def test_figures_that_cannot_be_are_passed_over(value: Any) -> None:
    found = look(beat(1_000, freq=value, active=value), now=1_000)

    assert found == {"one@here": Host(is_up=True, active=None, interval_seconds=2.0, silent_seconds=0.0)}


@pytest.mark.parametrize("freq", [1e-9, 5e8])
def test_an_interval_is_kept_within_reason(freq: float) -> None:
    assert 1 <= look(beat(1_000, freq=freq), now=1_000)["one@here"].interval_seconds <= 120


@pytest.mark.parametrize("hostname", [None, "", 5, [], {}])
def test_a_worker_without_a_name_is_none(hostname: Any) -> None:
    assert look(beat(1_000, hostname), now=1_000) == {}

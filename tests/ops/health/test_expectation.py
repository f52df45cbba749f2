"""When a sign of life is late."""

import datetime as dt
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from core.errors import ValidationFailed
from ops.health.checks.expectation import Expectation, cron_period_ms, next_cron_ms
from ops.health.definition import parse_check
from ops.health.domain import RUNS_KEPT, end_run, ping_deadline, start_run

HOUR_MS = 3_600_000
BERLIN = ZoneInfo("Europe/Berlin")


def times(cron: str, start: str, count: int, timezone: str = "Europe/Berlin") -> list[str]:
    at_ms, found = round(dt.datetime.fromisoformat(start).timestamp() * 1_000), []
    for _ in range(count):
        at_ms = next_cron_ms(cron, timezone, after_ms=at_ms)
        found.append(dt.datetime.fromtimestamp(at_ms / 1_000, ZoneInfo(timezone)).isoformat())
    return found


def test_a_time_that_the_change_to_summer_leaves_out_comes_right_after_the_gap() -> None:
    assert times("30 2 * * *", "2027-03-27T12:00:00+01:00", 2) == [
        "2027-03-28T03:00:00+02:00",
        "2027-03-29T02:30:00+02:00",
    ]


def test_a_time_that_the_change_to_winter_repeats_counts_once() -> None:
    assert times("30 2 * * *", "2026-10-24T12:00:00+02:00", 2) == [
        "2026-10-25T02:30:00+02:00",
        "2026-10-26T02:30:00+01:00",
    ]


@pytest.mark.parametrize(("day", "hours"), [("2027-03-28T00:30:00+01:00", 23), ("2026-10-25T00:30:00+02:00", 25)])
def test_an_hourly_job_runs_each_hour_that_there_is(day: str, hours: int) -> None:
    moments = [dt.datetime.fromisoformat(text) for text in times("0 * * * *", day, hours)]

    assert all(
        later - earlier == dt.timedelta(hours=1) for earlier, later in pairwise(m.astimezone(dt.UTC) for m in moments)
    )
    assert moments[-1].hour == 0


def test_in_the_repeated_hour_the_next_time_is_in_the_future() -> None:
    again = dt.datetime(2026, 10, 25, 2, 45, tzinfo=BERLIN, fold=1)

    assert times("50 2 * * *", again.isoformat(), 1) == ["2026-10-26T02:50:00+01:00"]


def test_a_deadline_is_the_next_time_and_the_grace() -> None:
    nightly = Expectation(24 * HOUR_MS, HOUR_MS, "0 3 * * *", "UTC")
    at_ms = round(dt.datetime(2026, 11, 20, 3, 0, 5, tzinfo=dt.UTC).timestamp() * 1_000)

    deadline = nightly.deadline_after(at_ms)

    assert deadline == at_ms - 5_000 + 25 * HOUR_MS
    assert nightly.deadline_after_silence(deadline) == deadline + 24 * HOUR_MS
    assert Expectation(60_000, 10_000).deadline_after(5) == 70_005
    assert Expectation(60_000, 10_000).deadline_after_silence(70_005) == 130_005


@pytest.mark.parametrize(("cron", "hours"), [("*/30 * * * *", 0.5), ("0 9 * * 1-5", 72), ("0 3 * * *", 24)])
def test_the_period_of_an_expression_is_its_longest_pause(cron: str, hours: float) -> None:
    assert cron_period_ms(cron, "UTC") == hours * HOUR_MS


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cron", "* * * *"), ("cron", "0 0 * * * *"), ("cron", "61 * * * *"), ("cron", "0 0 30 2 *"), ("cron", ""),
        ("cron", "0 0 29 2 *"), ("cron", "0 0\n* * *"), ("timezone", "Mars/Olympus"), ("timezone", "../etc/passwd"),
    ],
)  # fmt: skip
def test_a_wrong_schedule_is_refused_at_its_field(field: str, value: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        parse_check({"name": "backup", "kind": "heartbeat", field: value})
    assert [error.field for error in caught.value.errors] == [field]


def test_a_schedule_is_kept_as_it_was_written() -> None:
    data = {"name": "backup", "kind": "heartbeat", "cron": "30 2 * * 1-5", "timezone": "Europe/Berlin", "grace": "20m"}

    assert parse_check(data).brief_document() == data


def test_runs_are_paired_by_their_id_and_bounded() -> None:
    runs = start_run(start_run({}, "", at_ms=10), "a", at_ms=20)
    assert end_run(runs, "a") == ({"": 10}, 20)
    assert end_run(runs, "b") == (runs, None)

    for number in range(RUNS_KEPT + 5):
        runs = start_run(runs, f"r{number}", at_ms=100 + number)
    assert len(runs) == RUNS_KEPT
    assert "a" not in runs


def test_the_earliest_run_that_can_still_be_in_time_sets_the_deadline() -> None:
    assert ping_deadline(1_000, {}, grace_ms=10, now_ms=100) == 1_000
    assert ping_deadline(1_000, {"": 95, "a": 99, "crashed": 50}, grace_ms=10, now_ms=100) == 105
    assert ping_deadline(101, {"a": 99}, grace_ms=10, now_ms=100) == 101

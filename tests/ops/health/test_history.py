"""The history of checks as pages and the API read it."""

import pytest

from core.clock import database_now_ms
from ops.health.models import Check, CheckResult, ResultDetail
from ops.health.selectors import history
from ops.signals.domain import Status
from tests.ops.health.factories import make_check

pytestmark = pytest.mark.django_db

MINUTE_MS = 60_000


def add_result(check: Check, slot_ms: int, outcome: Status = Status.HEALTHY, *, duration_us: int = 12_000) -> None:
    CheckResult.objects.create(
        check_id=check.pk, slot_ms=slot_ms, late_ms=0, duration_us=duration_us, outcome=outcome
    )  # fmt: skip


def test_a_check_without_results_has_a_history_of_nothing() -> None:
    check, now = make_check(), database_now_ms()

    days = history.uptime_days([check.pk], days=3)[check.pk]
    assert [(day.ratio, day.worst, day.results, day.down_seconds) for day in days] == [(None, None, 0, 0)] * 3
    windows = history.uptime_windows(check.pk)
    assert list(windows) == ["1h", "24h", "7d", "30d", "90d"]
    assert {(window.known_ms, window.ratio) for window in windows.values()} == {(0, None)}
    [whole] = history.state_intervals(check.pk, since_ms=now - 1000, until_ms=now)
    assert whole == history.StateInterval(Status.UNKNOWN, now - 1000, now)
    series = history.latency_series([check.pk], since_ms=now - MINUTE_MS, until_ms=now)[check.pk]
    assert set(series.p50_ms) == {None}
    assert history.recent_failures([check.pk]) == []


def test_a_latency_series_counts_failures_apart_and_leaves_gaps() -> None:
    check, start = make_check(), database_now_ms() // 600_000 * 600_000 - 600_000
    add_result(check, start, duration_us=10_000)
    add_result(check, start + 2 * MINUTE_MS, Status.UNHEALTHY)

    series = history.latency_series([check.pk], since_ms=start, until_ms=start + 3 * MINUTE_MS, points=3)[check.pk]

    assert (series.step_seconds, series.start_ms) == (60, [start + n * MINUTE_MS for n in range(3)])
    assert series.p95_ms[0] == pytest.approx(10, rel=0.03)
    assert (series.p50_ms[1:], series.failures) == ([None, None], [0, 0, 1])


def test_failures_are_listed_newest_first_with_their_reasons() -> None:
    check, now = make_check(), database_now_ms()
    for age, outcome in ((1, Status.UNHEALTHY), (2, Status.HEALTHY), (3, Status.DEGRADED)):
        add_result(check, now - age * MINUTE_MS, outcome)
        ResultDetail.objects.create(check_id=check.pk, slot_ms=now - age * MINUTE_MS, message=f"m{age}", phase="tls")

    found = history.recent_failures([check.pk])

    assert [(row.message, row.phase, row.outcome) for row in found] == [
        ("m1", "tls", Status.UNHEALTHY),
        ("m3", "tls", Status.DEGRADED),
    ]
    assert len(history.recent_failures([check.pk], limit=1)) == 1


def test_a_check_that_fails_all_the_time_hides_no_failure_of_another() -> None:
    noisy, quiet, now = make_check(), make_check(), database_now_ms()
    for check, ages in ((noisy, range(1, 9)), (quiet, (20, 30))):
        for age in ages:
            add_result(check, now - age * MINUTE_MS, Status.UNHEALTHY)
            ResultDetail.objects.create(check_id=check.pk, slot_ms=now - age * MINUTE_MS, message=f"m{age}")

    found = history.recent_failures([noisy.pk, quiet.pk], limit=6, each=3)

    assert [row.message for row in found] == ["m1", "m2", "m3", "m4", "m20", "m30"]

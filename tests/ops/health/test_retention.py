"""Raw results go after 48 hours, in bounded steps."""

import pytest

from core.clock import database_now_ms
from ops.health import retention
from ops.health.horizons import kept_from_ms
from ops.health.models import Check, CheckResult, FineRollup, HourlyRollup, ResultDetail, RollupProgress
from tests.ops.health.factories import make_check

pytestmark = pytest.mark.django_db

HOUR_MS = 3_600_000


def add_results(check_id: int, *ages_hours: float) -> None:
    now = database_now_ms()
    for age in ages_hours:
        slot = now - round(age * HOUR_MS)
        CheckResult.objects.create(check_id=check_id, slot_ms=slot, late_ms=0, duration_us=1, outcome=0)
        ResultDetail.objects.create(check_id=check_id, slot_ms=slot, message="x")


def test_what_is_older_than_48_hours_goes() -> None:
    add_results(make_check().pk, 1, 47.9, 100, 400)
    add_results(make_check(pk=70_000).pk, 97)

    assert retention.prune_history() == 6
    assert CheckResult.objects.count() == ResultDetail.objects.count() == 2


def test_a_step_is_bounded_and_the_next_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "ROWS_PER_STEP", 2)
    add_results(make_check().pk, *(100 + number for number in range(5)))

    assert retention.prune_history(steps=2) == 4
    assert retention.prune_history() == 6
    assert CheckResult.objects.count() == ResultDetail.objects.count() == 0


def test_results_that_are_not_rolled_up_yet_stay_as_long_again() -> None:
    now = database_now_ms()
    RollupProgress.objects.create(pk=1, done_until_ms=now - 81 * HOUR_MS, ran_at_ms=now)
    assert kept_from_ms("ops_checkresult", now_ms=now) == now - 81 * HOUR_MS
    RollupProgress.objects.update(done_until_ms=now - 999 * HOUR_MS)
    assert kept_from_ms("ops_checkresult", now_ms=now) == now - 96 * HOUR_MS
    RollupProgress.objects.update(done_until_ms=now)
    assert kept_from_ms("ops_checkresult", now_ms=now) == now - 48 * HOUR_MS


def test_roll_ups_go_at_their_own_horizons() -> None:
    check, now = make_check().pk, database_now_ms()
    empty = dict.fromkeys(("healthy", "unknown", "degraded", "unhealthy", "known_ms", "degraded_ms", "down_ms"), 0)
    for table, days in ((FineRollup, 7), (HourlyRollup, 400)):
        for age in (days - 1, days + 3):
            table.objects.create(check_id=check, start_ms=now - age * 24 * HOUR_MS, latency=b"", **empty)

    assert retention.prune_history() == 2
    assert FineRollup.objects.count() == HourlyRollup.objects.count() == 1


def test_results_of_a_check_that_is_gone_go_whatever_their_age(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "ROWS_PER_STEP", 2)
    kept, gone = make_check(), make_check()
    for check in (kept, gone):
        add_results(check.pk, 1, 2, 3)
    Check.objects.filter(pk=gone.pk).delete()

    assert retention.prune_history() == 6
    assert set(CheckResult.objects.values_list("check_id", flat=True)) == {kept.pk}


def test_the_id_of_a_check_is_never_given_again() -> None:
    gone = make_check()
    used = gone.pk
    gone.delete()

    assert make_check().pk > used

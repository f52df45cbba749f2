"""Raw results go after 48 hours, in bounded steps."""

import pytest

from core.clock import database_now_ms
from ops.health import retention
from ops.health.models import Check, CheckResult, ResultDetail
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
    add_results(make_check().pk, 1, 47.9, 48.1, 400)
    add_results(make_check(pk=70_000).pk, 49)

    assert retention.prune_results() == 6
    assert CheckResult.objects.count() == ResultDetail.objects.count() == 2


def test_a_step_is_bounded_and_the_next_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "ROWS_PER_STEP", 2)
    add_results(make_check().pk, *(50 + number for number in range(5)))

    assert retention.prune_results(steps=2) == 4
    assert retention.prune_results() == 6
    assert CheckResult.objects.count() == ResultDetail.objects.count() == 0


def test_results_of_a_check_that_is_gone_go_whatever_their_age(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "ROWS_PER_STEP", 2)
    kept, gone = make_check(), make_check()
    for check in (kept, gone):
        add_results(check.pk, 1, 2, 3)
    Check.objects.filter(pk=gone.pk).delete()

    assert retention.prune_results() == 6
    assert set(CheckResult.objects.values_list("check_id", flat=True)) == {kept.pk}


def test_the_id_of_a_check_is_never_given_again() -> None:
    gone = make_check()
    used = gone.pk
    gone.delete()

    assert make_check().pk > used

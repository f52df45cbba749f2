"""Raw results go after 48 hours, in bounded steps."""

import pytest

from core.clock import database_now_ms
from ops.health import retention
from ops.health.models import CheckResult, ResultDetail

pytestmark = pytest.mark.django_db

HOUR_MS = 3_600_000


def add_results(check_id: int, *ages_hours: float) -> None:
    now = database_now_ms()
    for age in ages_hours:
        slot = now - round(age * HOUR_MS)
        CheckResult.objects.create(check_id=check_id, slot_ms=slot, late_ms=0, duration_us=1, outcome=0)
        ResultDetail.objects.create(check_id=check_id, slot_ms=slot, message="x")


def test_what_is_older_than_48_hours_goes() -> None:
    add_results(1, 1, 47.9, 48.1, 400)
    add_results(70_000, 49)

    assert retention.prune_results() == 6
    assert CheckResult.objects.count() == ResultDetail.objects.count() == 2


def test_a_step_is_bounded_and_the_next_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "ROWS_PER_STEP", 2)
    add_results(1, *(50 + number for number in range(5)))

    assert retention.prune_results(steps=2) == 4
    assert retention.prune_results() == 6
    assert CheckResult.objects.count() == ResultDetail.objects.count() == 0

"""Roll-ups say what the raw results and the changes of status say."""

import random
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from core.clock import database_now_ms
from core.latency import bucket_of
from ops.health import rollup, stretches
from ops.health.horizons import DAY_MS, HOUR_MS, rolled_up_until_ms
from ops.health.models import (
    LATE_MS,
    Check,
    CheckResult,
    DailyRollup,
    FineRollup,
    HourlyRollup,
    RollupProgress,
    StatusChange,
)
from ops.health.selectors import history
from ops.signals.domain import Status
from tests.ops.health.factories import make_check

pytestmark = pytest.mark.django_db

MINUTE_MS = 60_000
TABLES: tuple[Any, ...] = (FineRollup, HourlyRollup, DailyRollup)


def fill(check: Check, rng: random.Random, *, now: int, hours: int = 47) -> None:
    """Results about every 4 minutes and changes of status about every 20, both at any millisecond."""
    start = now - hours * HOUR_MS
    slots = sorted(rng.sample(range(start, now), hours * 15))
    CheckResult.objects.bulk_create(
        CheckResult(
            check_id=check.pk, slot_ms=slot, late_ms=0, duration_us=rng.randrange(10_000_000), outcome=rng.randrange(4)
        )
        for slot in slots
    )
    StatusChange.objects.bulk_create(
        StatusChange(check_id=check.pk, at_ms=at, status=rng.randrange(4))
        for at in sorted(rng.sample(range(start, now), hours * 3))
    )


def expected(check: Check, since: int, until: int) -> tuple[Counter[int], Counter[int], int, int]:
    """Counts, latency buckets, known and down milliseconds, the plain way."""
    results = CheckResult.objects.filter(check_id=check.pk, slot_ms__gte=since, slot_ms__lt=until)
    outcomes = Counter(result.outcome for result in results)
    latency = Counter(bucket_of(result.duration_us) for result in results if result.outcome in {0, 2})
    changes = StatusChange.objects.filter(check_id=check.pk, at_ms__lt=until).order_by("at_ms", "id")
    spans: Counter[int] = Counter()
    moments = [*changes.values_list("at_ms", "status"), (until, 1)]
    for (at, status), (following, _) in pairwise(moments):
        spans[status] += max(0, following - max(at, since))
    return outcomes, latency, spans[0] + spans[2] + spans[3], spans[3]


def everything() -> list[list[tuple[Any, ...]]]:
    return [
        [
            tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)
            for row in table.objects.order_by("check_id", "start_ms").values_list()
        ]
        for table in TABLES
    ]


@pytest.mark.parametrize("seed", [1, 2])
def test_any_stretch_sums_up_to_what_its_results_and_changes_say(seed: int) -> None:
    rng, now = random.Random(seed), database_now_ms()
    checks = [make_check(), make_check()]
    for check in checks:
        fill(check, rng, now=now)
    assert rollup.roll_up(run_seconds=60, now_ms=now) >= 47

    clock = stretches.Clock.read()
    windows = [sorted(rng.sample(range(now - 47 * HOUR_MS, now), 2)) for _ in range(6)]
    windows += [[now - 47 * HOUR_MS, now], [now // DAY_MS * DAY_MS - DAY_MS, now]]
    sources = {piece.table for since, until in windows for piece in stretches.cut(since, until, clock)}
    assert sources >= {"ops_hourlyrollup", "ops_finerollup", "ops_checkresult"}
    for since, until in windows:
        found = stretches.read_totals([check.pk for check in checks], since_ms=since, until_ms=until, clock=clock)
        for check in checks:
            outcomes, latency, known, down = expected(check, since, until)
            totals = found[check.pk]
            assert {number: count for number, count in enumerate(totals.counts) if count} == outcomes
            assert totals.latency == latency
            assert (totals.known_ms, totals.down_ms) == (known, down)


def test_rolling_up_twice_or_in_parts_leaves_the_same_rows() -> None:
    rng, now = random.Random(3), database_now_ms()
    fill(make_check(), rng, now=now, hours=30)
    parts = 0
    while rollup.roll_up(run_seconds=0, now_ms=now):
        parts += 1
    first = everything()
    assert parts >= 48
    assert all(first)

    RollupProgress.objects.update(done_until_ms=now // HOUR_MS * HOUR_MS - 20 * HOUR_MS)
    rollup.roll_up(run_seconds=60, now_ms=now)
    assert everything() == first
    assert rollup.roll_up(now_ms=now) == 0


def test_what_is_rolled_up_outlives_its_results() -> None:
    check, now = make_check(), database_now_ms()
    fill(check, random.Random(4), now=now)
    rollup.roll_up(run_seconds=60, now_ms=now)
    until = rolled_up_until_ms() // HOUR_MS * HOUR_MS
    before = history.window_totals(check.pk, since_ms=until - 20 * HOUR_MS, until_ms=until)

    CheckResult.objects.all().delete()

    assert history.window_totals(check.pk, since_ms=until - 20 * HOUR_MS, until_ms=until) == before


def test_a_result_that_comes_hours_late_counts_where_it_was_due() -> None:
    check, now = make_check(), database_now_ms()
    slot = now - 5 * HOUR_MS
    CheckResult.objects.create(check_id=check.pk, slot_ms=slot, late_ms=0, duration_us=9, outcome=0)
    rollup.roll_up(run_seconds=60, now_ms=now)
    CheckResult.objects.create(
        check_id=check.pk, slot_ms=slot + 1, late_ms=now - slot, duration_us=9, outcome=Status.UNHEALTHY
    )
    assert now - slot > LATE_MS

    assert rollup.roll_up(now_ms=now + 1) == 0

    for table in TABLES:
        row = table.objects.get(check_id=check.pk)
        assert (row.healthy, row.unhealthy) == (1, 1)


def test_nothing_is_rolled_up_before_it_has_settled() -> None:
    check, now = make_check(), database_now_ms()
    CheckResult.objects.create(check_id=check.pk, slot_ms=now - MINUTE_MS, late_ms=0, duration_us=9, outcome=0)

    rollup.roll_up(run_seconds=60, now_ms=now)
    assert rolled_up_until_ms() <= now - LATE_MS
    assert FineRollup.objects.count() == 0
    assert history.uptime_days([check.pk], days=2)[check.pk][-1].results + (now % DAY_MS < MINUTE_MS) == 1


def test_the_fleet_is_summed_from_two_rows_of_each_check(viewer: Any) -> None:
    check, never, now = make_check(), make_check(), database_now_ms()
    today = now // DAY_MS * DAY_MS
    known = down = 0
    for age in (120, 80, 40, 0):
        known, down = known + 50_000, down + 50_000 * (age == 120) + 10_000 * (age == 40)
        DailyRollup.objects.create(
            check_id=check.pk, start_ms=today - age * DAY_MS, healthy=1, unknown=0, degraded=0, unhealthy=0,
            known_ms=50_000, degraded_ms=0, down_ms=50_000 * (age == 120) + 10_000 * (age == 40), latency=b"",
            known_total_ms=known, down_total_ms=down,
        )  # fmt: skip

    found = history.fleet_uptime(principal=viewer)

    assert found == {check.uid: pytest.approx(1 - 10_000 / 150_000)}
    assert never.uid not in found


def test_running_totals_of_days_add_up() -> None:
    check, now = make_check(), database_now_ms()
    fill(check, random.Random(5), now=now)
    rollup.roll_up(run_seconds=60, now_ms=now)

    known = 0
    for row in DailyRollup.objects.filter(check_id=check.pk).order_by("start_ms"):
        known += row.known_ms
        assert row.known_total_ms == known
    assert known

"""Daily partitions on PostgreSQL. Collected only there: see ``conftest.py``."""

import pytest
from django.db import connection, transaction

from core.clock import database_now_ms
from ops.health import partitions, retention
from ops.health.horizons import DAY_MS
from ops.health.models import CheckResult, ResultDetail
from ops.health.partitions import default_of, keep_partitions, list_partitions
from tests.ops.health.factories import make_check

pytestmark = pytest.mark.django_db

RESULTS = "ops_checkresult"


def add_result(check_id: int, slot_ms: int) -> None:
    CheckResult.objects.create(check_id=check_id, slot_ms=slot_ms, late_ms=0, duration_us=1, outcome=0)


def rows_in(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM ONLY {table}")
        return int(cursor.fetchone()[0])


@pytest.fixture
def now() -> int:
    keep_partitions()
    return database_now_ms()


def test_days_are_made_ahead_and_follow_each_other(now: int) -> None:
    for table in partitions.TIME_COLUMNS:
        days = list_partitions(table)
        assert [day.end_ms for day in days[:-1]] == [day.start_ms for day in days[1:]]
        assert days[-1].end_ms == (now // DAY_MS + 1 + partitions.DAYS_AHEAD) * DAY_MS
    assert keep_partitions() == (0, 0)


def test_a_row_lands_in_its_day(now: int) -> None:
    add_result(1, now)
    assert rows_in(default_of(RESULTS)) == 0
    assert CheckResult.objects.count() == 1


def test_a_row_whose_day_is_missing_is_taken_and_moves_once_it_is_made(
    now: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "ROWS_PER_MOVE", 2)
    far = now + (partitions.DAYS_AHEAD + 2) * DAY_MS
    for number in range(5):
        add_result(number, far)
    assert rows_in(default_of(RESULTS)) == 5

    made, _ = keep_partitions(now_ms=now + 2 * DAY_MS)

    assert made
    assert rows_in(default_of(RESULTS)) == 0
    assert CheckResult.objects.filter(slot_ms=far).count() == 5


def test_a_day_goes_when_all_of_it_is_over_the_horizon(now: int) -> None:
    check = make_check().pk
    for age_days in (0, 1, 2):
        add_result(check, now - age_days * DAY_MS)

    _, dropped = keep_partitions(now_ms=now + DAY_MS)

    assert dropped
    assert min(CheckResult.objects.values_list("slot_ms", flat=True)) >= now // DAY_MS * DAY_MS - DAY_MS
    assert all(day.end_ms > now - DAY_MS for day in list_partitions(RESULTS))


def test_the_retention_empties_the_default_partition_alone(now: int) -> None:
    check = make_check().pk
    add_result(check, now - 30 * DAY_MS)
    add_result(check, now - DAY_MS)

    assert retention.prune_history() == 1
    assert CheckResult.objects.count() == 1


def test_a_busy_table_is_left_for_the_next_time(now: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
        return 0

    monkeypatch.setattr(partitions, "make_partitions", refuse)
    assert keep_partitions() == (0, 0)


def test_a_plain_table_with_rows_becomes_the_first_partition(now: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE ops_resultdetail RENAME TO gone_detail")
        cursor.execute("ALTER INDEX ops_resultdetail_pkey RENAME TO gone_pkey")
        for day in list_partitions("gone_detail"):
            cursor.execute(f"DROP TABLE {day.name}")
        cursor.execute("DROP TABLE ops_resultdetail_default")
        cursor.execute(
            "CREATE TABLE ops_resultdetail (LIKE gone_detail INCLUDING DEFAULTS, "
            "CONSTRAINT ops_resultdetail_pkey PRIMARY KEY (check_id, slot_ms))"
        )
    for age_days in (0, 1, 90):
        ResultDetail.objects.create(check_id=1, slot_ms=now - age_days * DAY_MS, message="kept")

    columns = {"ops_resultdetail": "LIKE ops_resultdetail_before INCLUDING DEFAULTS"}
    with connection.schema_editor() as editor:
        partitions.partition_tables(editor, columns, now_ms=now)

    assert ResultDetail.objects.filter(message="kept").count() == 3
    ResultDetail.objects.create(check_id=2, slot_ms=now + DAY_MS, message="new")
    assert rows_in(default_of("ops_resultdetail")) == 0
    assert rows_in("ops_resultdetail_before") == 3

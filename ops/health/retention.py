"""The removal of what is over its horizon, in steps that block nobody."""

from django.db import connection, transaction

from core.clock import database_now_ms
from ops.health.horizons import kept_from_ms
from ops.health.partitions import default_of, is_partitioned

ROWS_PER_STEP = 5_000

TIME_COLUMNS = {
    "ops_checkresult": "slot_ms",
    "ops_resultdetail": "slot_ms",
    "ops_finerollup": "start_ms",
    "ops_hourlyrollup": "start_ms",
    "ops_dailyrollup": "start_ms",
}

# Along ranges of the primary key (check, time), which is the only index there is.
_STEP = """
DELETE FROM {table} WHERE (check_id, {time}) IN (
  SELECT check_id, {time} FROM {table} WHERE check_id >= %s AND check_id < %s AND {time} < %s LIMIT %s
)"""
_CHECKS_PER_RANGE = 500
_FIRST = "SELECT min(check_id) FROM {table} WHERE check_id >= %s"

# Results have no foreign key, for the sake of their size, and an edit is no place to delete millions of them. Ids of
# checks are never given twice. One look into the index for each check, whatever the number of its results.
_GONE = """
WITH RECURSIVE known(check_id) AS (
  SELECT min(check_id) FROM {table}
  UNION ALL
  SELECT (SELECT min(check_id) FROM {table} WHERE check_id > known.check_id) FROM known WHERE check_id IS NOT NULL
)
SELECT check_id FROM known
WHERE check_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM ops_check WHERE id = known.check_id) ORDER BY check_id"""
_FOREVER = 2**63 - 1


def prune_history(*, steps: int = 200) -> int:
    """Delete what is over its horizon and what belongs to checks that are gone, of results, details and roll-ups.

    In at most ``steps`` transactions; returns how many rows went. Of a partitioned table whole days go by
    ``keep_partitions``; here only what no day was made for.
    """
    now, deleted = database_now_ms(), 0
    for table in TIME_COLUMNS:
        for check_id in _checks_gone(table):
            gone = ROWS_PER_STEP
            while gone == ROWS_PER_STEP and steps > 0:
                steps -= 1
                gone = _delete_step(table, table, check_id, check_id + 1, _FOREVER)
                deleted += gone
        oldest = kept_from_ms(table, now_ms=now)
        place = default_of(table) if is_partitioned(table) else table
        first = _first_check(place, 0)
        while first is not None and steps > 0:
            steps -= 1
            gone = _delete_step(place, table, first, first + _CHECKS_PER_RANGE, oldest)
            deleted += gone
            if gone < ROWS_PER_STEP:
                first = _first_check(place, first + _CHECKS_PER_RANGE)
    return deleted


def _checks_gone(table: str) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(_GONE.format(table=table))
        return [row[0] for row in cursor.fetchall()]


def _first_check(place: str, after: int) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(_FIRST.format(table=place), [after])
        row = cursor.fetchone()
    return None if row is None else row[0]


def _delete_step(place: str, table: str, first_check: int, end_check: int, before_ms: int) -> int:
    statement = _STEP.format(table=place, time=TIME_COLUMNS[table])
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, [first_check, end_check, before_ms, ROWS_PER_STEP])
        return int(cursor.rowcount)

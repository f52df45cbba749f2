"""The removal of samples and roll-ups that are over their horizon, in steps that block nobody."""

from django.db import connection, transaction

from core.clock import database_now_ms
from core.config import get_config
from ops.queues.models import TaskBroker, TaskStatistic

ROWS_PER_STEP = 5_000
_QUEUES_PER_RANGE = 500
_HOUR_MS = 3_600_000
TASKS_KEPT_MS = 7 * 24 * _HOUR_MS
"""Statistics of a task that nothing was heard of for so long are forgotten."""

# Along ranges of the primary key (queue, time), which is the only index there is.
_STEP = """
DELETE FROM {table} WHERE (queue_id, {time}) IN (
  SELECT queue_id, {time} FROM {table} WHERE queue_id >= %s AND queue_id < %s AND {time} < %s LIMIT %s
)"""
_FIRST = "SELECT min(queue_id) FROM {table} WHERE queue_id >= %s"

# The rows have no foreign key, for the sake of their size, and an edit is no place to delete many of them. One look
# into the index for each queue, whatever the number of its rows.
_GONE = """
WITH RECURSIVE known(queue_id) AS (
  SELECT min(queue_id) FROM {table}
  UNION ALL
  SELECT (SELECT min(queue_id) FROM {table} WHERE queue_id > known.queue_id) FROM known WHERE queue_id IS NOT NULL
)
SELECT queue_id FROM known
WHERE queue_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM ops_queue WHERE id = known.queue_id) ORDER BY queue_id"""
_FOREVER = 2**63 - 1


def prune_queues(*, steps: int = 200) -> int:
    """Delete what is over its horizon and what belongs to queues that are gone; how many rows went.

    Samples are kept as long as results of checks, roll-ups as long as their fine ones. In at most ``steps``
    transactions; the next run goes on.
    """
    config, now, deleted = get_config(), database_now_ms(), 0
    horizons = (
        ("ops_queuesample", "at_ms", config.keep_results_hours * _HOUR_MS),
        ("ops_queuerollup", "start_ms", config.keep_fine_rollups_days * 24 * _HOUR_MS),
    )
    for table, time, kept_ms in horizons:
        ranges = [(queue_id, queue_id + 1, _FOREVER) for queue_id in _queues_gone(table)]
        first = _first_queue(table, 0)
        while (ranges or first is not None) and steps > 0:
            start, end, before = ranges[0] if ranges else (first or 0, (first or 0) + _QUEUES_PER_RANGE, now - kept_ms)
            gone = _delete_step(table, time, start, end, before)
            deleted, steps = deleted + gone, steps - 1
            if gone == ROWS_PER_STEP:
                continue
            if ranges:
                ranges.pop(0)
            else:
                first = _first_queue(table, end)
    return deleted + _prune_tasks(now - TASKS_KEPT_MS)


def _prune_tasks(before_ms: int) -> int:
    """Few rows: their number is bounded for each broker."""
    tasks, _ = TaskStatistic.objects.filter(heard_ms__lt=before_ms).delete()
    brokers, _ = TaskBroker.objects.filter(stored_ms__lt=before_ms).delete()
    return tasks + brokers


def _queues_gone(table: str) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(_GONE.format(table=table))
        return [row[0] for row in cursor.fetchall()]


def _first_queue(table: str, after: int) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(_FIRST.format(table=table), [after])
        row = cursor.fetchone()
    return None if row is None else row[0]


def _delete_step(table: str, time: str, start: int, end: int, before_ms: int) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_STEP.format(table=table, time=time), [start, end, before_ms, ROWS_PER_STEP])
        return int(cursor.rowcount)

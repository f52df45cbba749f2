"""How long raw results are kept, and their removal in steps that block nobody."""

from django.db import connection, transaction

from core.clock import database_now_ms
from ops.health.models import CheckResult, ResultDetail

KEPT_MS = 48 * 3_600_000
ROWS_PER_STEP = 5_000

# Along ranges of the primary key (check, slot), which is the only index there is.
_STEP = """
DELETE FROM {table} WHERE (check_id, slot_ms) IN (
  SELECT check_id, slot_ms FROM {table} WHERE check_id >= %s AND check_id < %s AND slot_ms < %s LIMIT %s
)"""
_CHECKS_PER_RANGE = 500

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


def prune_results(*, steps: int = 200) -> int:
    """Delete what is older than ``KEPT_MS`` and what belongs to checks that are gone, of results and details.

    In at most ``steps`` transactions; returns how many rows went.
    """
    oldest, deleted = database_now_ms() - KEPT_MS, 0
    for model in (CheckResult, ResultDetail):
        for check_id in _checks_gone(model._meta.db_table):  # noqa: SLF001
            gone = ROWS_PER_STEP
            while gone == ROWS_PER_STEP and steps > 0:
                steps -= 1
                gone = _delete_step(model._meta.db_table, check_id, check_id + 1, _FOREVER)  # noqa: SLF001
                deleted += gone
        ids = model.objects.order_by("check_id").values_list("check_id", flat=True)
        first = ids.first()
        while first is not None and steps > 0:
            steps -= 1
            gone = _delete_step(model._meta.db_table, first, first + _CHECKS_PER_RANGE, oldest)  # noqa: SLF001
            deleted += gone
            if gone < ROWS_PER_STEP:
                first = ids.filter(check_id__gte=first + _CHECKS_PER_RANGE).first()
    return deleted


def _checks_gone(table: str) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(_GONE.format(table=table))
        return [row[0] for row in cursor.fetchall()]


def _delete_step(table: str, first_check: int, end_check: int, before_ms: int) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_STEP.format(table=table), [first_check, end_check, before_ms, ROWS_PER_STEP])
        return int(cursor.rowcount)

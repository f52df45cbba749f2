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


def prune_results(*, steps: int = 200) -> int:
    """Delete results and details older than ``KEPT_MS``, in at most ``steps`` transactions; returns how many went."""
    oldest, deleted = database_now_ms() - KEPT_MS, 0
    for model in (CheckResult, ResultDetail):
        ids = model.objects.order_by("check_id").values_list("check_id", flat=True)
        first = ids.first()
        while first is not None and steps > 0:
            steps -= 1
            gone = _delete_step(model._meta.db_table, first, oldest)  # noqa: SLF001
            deleted += gone
            if gone < ROWS_PER_STEP:
                first = ids.filter(check_id__gte=first + _CHECKS_PER_RANGE).first()
    return deleted


def _delete_step(table: str, first_check: int, oldest: int) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_STEP.format(table=table), [first_check, first_check + _CHECKS_PER_RANGE, oldest, ROWS_PER_STEP])
        return int(cursor.rowcount)

"""What pages and the platform ask of the whole fleet of checks."""

from django.db import connection


def newest_result_ms() -> int | None:
    """When the newest result of any check came in; None before the first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT MAX(last_at_ms) FROM ops_checkstate")
        row = cursor.fetchone()
    return None if row is None else row[0]


def oldest_overdue_ms(*, before_ms: int, now_ms: int) -> int | None:
    """Since when the check that is due for longest waits to be run; None when none was due ``before_ms``."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT next_due_ms FROM ops_checkstate WHERE next_due_ms < %s AND lease_until_ms <= %s "
            "ORDER BY next_due_ms LIMIT 1",
            [before_ms, now_ms],
        )
        row = cursor.fetchone()
    return None if row is None else row[0]

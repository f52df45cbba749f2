"""Whether a page must be drawn again."""

import re

from django.db import connection

from core.clock import database_now_ms, now_ms
from core.revision import current_revision

_STAMP = re.compile(r"([0-9]{1,18})\.([0-9]{1,15})")

# One statement, because every open page asks every few seconds. A freshness that ends is found by its index.
_SQL = """
SELECT value, EXISTS (
  SELECT 1 FROM ops_checkstate
  WHERE fresh_until_ms >= %(seen)s AND fresh_until_ms < {now} AND next_due_ms IS NOT NULL
) FROM core_revision"""
_CHANGES_OF = {
    "postgresql": _SQL.format(now="(extract(epoch FROM statement_timestamp()) * 1000)::bigint"),
    "sqlite": _SQL.format(now="%(now)s"),
}


def change_stamp() -> str:
    """What a page shows is as of this stamp. Take it before reading, so that nothing falls between."""
    now = database_now_ms()
    return f"{current_revision()}.{now}"


def has_changed(stamp: str) -> bool:
    """Whether anything that pages show changed since: the revision moved, or a status went stale meanwhile.

    A stamp that cannot be read counts as changed. One query.
    """
    match = _STAMP.fullmatch(stamp)
    if match is None:
        return True
    with connection.cursor() as cursor:
        cursor.execute(_CHANGES_OF[connection.vendor], {"seen": int(match[2]), "now": now_ms()})
        row = cursor.fetchone()
    return row is not None and (row[0] != int(match[1]) or bool(row[1]))


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

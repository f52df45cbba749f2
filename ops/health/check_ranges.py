"""Reads of stretches of time of many checks: one seek into the primary key for each check, on either engine.

Written as a plain range over both columns, SQLite would read all that the checks have, and PostgreSQL might.
"""

from collections.abc import Collection, Sequence
from typing import Any

import orjson
from django.db import connection

type Row = tuple[Any, ...]

WANTED = {
    "postgresql": "unnest(%(ids)s::bigint[]) AS wanted(check_id)",
    "sqlite": "(SELECT value AS check_id FROM json_each(%(ids)s)) AS wanted",
}
"""The checks of the parameter ``ids`` as a table."""

_RANGE = {
    # OFFSET 0 keeps the planner from another way than one seek for each check.
    "postgresql": "SELECT {columns} FROM {wanted} CROSS JOIN LATERAL (SELECT * FROM {table} "
    "WHERE check_id = wanted.check_id AND {time} >= %(since)s AND {time} < %(until)s OFFSET 0) AS item",
    "sqlite": "SELECT {columns} FROM {wanted} CROSS JOIN {table} AS item "
    "WHERE item.check_id = wanted.check_id AND item.{time} >= %(since)s AND item.{time} < %(until)s",
}


def pack_ids(check_ids: Collection[int]) -> Any:
    """The parameter that ``WANTED`` unpacks."""
    return list(check_ids) if connection.vendor == "postgresql" else orjson.dumps(list(check_ids)).decode()


def read_ranges(
    table: str, columns: Sequence[str], *, time: str, check_ids: Collection[int], since_ms: int, until_ms: int
) -> list[Row]:
    """``columns`` of the rows whose ``time`` is from ``since_ms`` up to, not including, ``until_ms``; in no order."""
    if not check_ids or since_ms >= until_ms:
        return []
    vendor = connection.vendor
    statement = _RANGE[vendor].format(
        columns=", ".join(f"item.{column}" for column in columns), wanted=WANTED[vendor], table=table, time=time
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, {"ids": pack_ids(check_ids), "since": since_ms, "until": until_ms})
        rows: list[Row] = cursor.fetchall()
        return rows

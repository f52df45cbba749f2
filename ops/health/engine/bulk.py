"""The engine's bulk statements.

One JSON document carries the rows of a group and the database unpacks it: one parameter and one statement per table
whatever the size, the same on either engine but for the unpacking. The ORM would cost more than the probe.
"""

from collections.abc import Mapping, Sequence

import orjson
from django.db import connection

type Row = Mapping[str, object]

_STATE = {
    "check_id": "bigint", "fence": "bigint", "next_due_ms": "bigint", "status": "smallint", "since_ms": "bigint",
    "fine_run": "smallint", "up_run": "smallint", "fresh_until_ms": "bigint", "last_slot_ms": "bigint",
    "last_at_ms": "bigint", "last_outcome": "smallint", "last_duration_us": "bigint", "last_message": "text",
}  # fmt: skip
_RESULT = {
    "check_id": "bigint", "slot_ms": "bigint", "late_ms": "integer", "duration_us": "bigint", "outcome": "smallint",
}  # fmt: skip
_DETAIL = {"check_id": "bigint", "slot_ms": "bigint", "phase": "text", "message": "text", "trace_id": "text"}


def _unpacked(vendor: str, columns: Mapping[str, str]) -> str:
    if vendor == "postgresql":
        typed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        return f"json_to_recordset(%s::json) AS row({typed})"
    picked = ", ".join(f"value ->> '$.{name}' AS {name}" for name in columns)
    return f"(SELECT {picked} FROM json_each(%s)) AS row"  # noqa: S608 - constants of this module


def _update(vendor: str) -> str:
    assigned = ", ".join(f"{name} = row.{name}" for name in _STATE if name not in {"check_id", "fence"})
    return (
        "UPDATE ops_checkstate SET slot_ms = NULL, lease_until_ms = 0, "  # noqa: S608 - constants of this module
        f"fence = ops_checkstate.fence + 1, {assigned} FROM {_unpacked(vendor, _STATE)} "
        "WHERE ops_checkstate.check_id = row.check_id AND ops_checkstate.fence = row.fence "
        "RETURNING ops_checkstate.check_id"
    )


def _insert(vendor: str, table: str, columns: Mapping[str, str]) -> str:
    names = ", ".join(columns)
    # "WHERE true" tells SQLite that ON CONFLICT does not belong to a join.
    return f"INSERT INTO {table} ({names}) SELECT {names} FROM {_unpacked(vendor, columns)} WHERE true ON CONFLICT DO NOTHING"  # noqa: S608, E501


_VENDORS = ("postgresql", "sqlite")
_UPDATE_STATES = {vendor: _update(vendor) for vendor in _VENDORS}
_INSERT_RESULTS = {vendor: _insert(vendor, "ops_checkresult", _RESULT) for vendor in _VENDORS}
_INSERT_DETAILS = {vendor: _insert(vendor, "ops_resultdetail", _DETAIL) for vendor in _VENDORS}


_LOCK_FREE = "SELECT check_id FROM ops_checkstate WHERE check_id = ANY(%s) FOR NO KEY UPDATE SKIP LOCKED"
_HELD = (
    "SELECT check_id FROM ops_checkstate WHERE check_id = ANY(%s) "
    "EXCEPT SELECT check_id FROM ops_checkstate WHERE check_id = ANY(%s)"
)


def lock_free_states(check_ids: Sequence[int]) -> set[int]:
    """Lock the rows that nobody else holds, and tell which of the others exist: those are held.

    Whoever holds some rows never waits for more, so the engine is in no ring of writers that wait for each other,
    whatever their order, and a long edit holds up no results but those of its own checks.
    """
    if connection.vendor != "postgresql":
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_FREE, [list(check_ids)])
        free = [row[0] for row in cursor.fetchall()]
        if len(free) == len(set(check_ids)):
            return set()
        cursor.execute(_HELD, [list(check_ids), free])
        return {row[0] for row in cursor.fetchall()}


def update_states(rows: Sequence[Row]) -> set[int]:
    """Write the states whose fence still matches, move their fence on, and tell whose they were."""
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE_STATES[connection.vendor], [_pack(rows)])
        return {row[0] for row in cursor.fetchall()}


def insert_results(rows: Sequence[Row]) -> None:
    """The key (check, slot) makes a second result of one slot impossible; the first one stands."""
    _run(_INSERT_RESULTS, rows)


def insert_details(rows: Sequence[Row]) -> None:
    _run(_INSERT_DETAILS, rows)


def _run(statements: Mapping[str, str], rows: Sequence[Row]) -> None:
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(statements[connection.vendor], [_pack(rows)])


def _pack(rows: Sequence[Row]) -> str:
    return orjson.dumps(rows).decode()

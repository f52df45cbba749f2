"""The engine's bulk statements.

The ORM would cost more than the probe. On PostgreSQL one JSON document carries the rows of a group and the server
unpacks it: one round trip a table. SQLite runs in this process, where unpacking costs more than running a prepared
statement for each row.
"""

from collections.abc import Mapping, Sequence
from operator import itemgetter

import orjson
from django.db import connection

type Row = Mapping[str, object]

_STATE = {
    "check_id": "bigint", "fence": "bigint", "next_due_ms": "bigint", "retry_ms": "bigint", "anchor_ms": "bigint",
    "status": "smallint", "since_ms": "bigint", "fine_run": "smallint", "up_run": "smallint",
    "fresh_until_ms": "bigint", "last_slot_ms": "bigint", "last_at_ms": "bigint", "last_outcome": "smallint",
    "last_duration_us": "bigint", "last_message": "text",
}  # fmt: skip
_RESULT = {
    "check_id": "bigint", "slot_ms": "bigint", "late_ms": "integer", "duration_us": "bigint", "outcome": "smallint",
}  # fmt: skip
_DETAIL = {
    "check_id": "bigint", "slot_ms": "bigint", "phase": "text", "message": "text", "trace_id": "text",
    "excerpt": "text",
}  # fmt: skip
_CHANGE = {"check_id": "bigint", "at_ms": "bigint", "status": "smallint"}


_ASSIGNED = [name for name in _STATE if name not in {"check_id", "fence"}]


def _unpacked(columns: Mapping[str, str]) -> str:
    return f"json_to_recordset(%s::json) AS row({', '.join(f'{name} {kind}' for name, kind in columns.items())})"


_UPDATE_STATES = (
    "UPDATE ops_checkstate SET slot_ms = NULL, lease_until_ms = 0, "  # noqa: S608 - constants of this module
    f"fence = ops_checkstate.fence + 1, {', '.join(f'{name} = row.{name}' for name in _ASSIGNED)} "
    f"FROM {_unpacked(_STATE)} WHERE ops_checkstate.check_id = row.check_id AND ops_checkstate.fence = row.fence "
    "RETURNING ops_checkstate.check_id, ops_checkstate.fence - 1"
)
_UPDATE_STATE = (
    "UPDATE ops_checkstate SET slot_ms = NULL, lease_until_ms = 0, "  # noqa: S608 - constants of this module
    f"fence = fence + 1, {', '.join(f'{name} = %s' for name in _ASSIGNED)} WHERE check_id = %s AND fence = %s"
)
_state_values = itemgetter(*_ASSIGNED, "check_id", "fence")
_FENCES = "SELECT check_id, fence FROM ops_checkstate WHERE check_id IN (SELECT value FROM json_each(%s))"


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


def update_states(rows: Sequence[Row]) -> set[tuple[int, int]]:
    """Write the states whose fence still matches, move their fence on, and tell which: check and fence."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_UPDATE_STATES, [_pack(rows)])
            return set(cursor.fetchall())
        # The transaction is the only writer from its beginning: a fence that was read stays until the end.
        cursor.execute(_FENCES, [_pack([row["check_id"] for row in rows])])
        fences = dict(cursor.fetchall())
        admitted = [row for row in rows if fences.get(row["check_id"]) == row["fence"]]
        cursor.executemany(_UPDATE_STATE, [_state_values(row) for row in admitted])
        return {(row["check_id"], row["fence"]) for row in admitted}  # type: ignore[misc]


def insert_results(rows: Sequence[Row]) -> None:
    """The key (check, slot) makes a second result of one slot impossible; the first one stands."""
    _insert("ops_checkresult", _RESULT, rows)


def insert_details(rows: Sequence[Row]) -> None:
    _insert("ops_resultdetail", _DETAIL, rows)


def insert_changes(rows: Sequence[Row]) -> None:
    """Append changes of status, in their order."""
    _insert("ops_statuschange", _CHANGE, rows)


def _insert(table: str, columns: Mapping[str, str], rows: Sequence[Row]) -> None:
    if not rows:
        return
    names = ", ".join(columns)
    into = f"INSERT INTO {table} ({names})"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            source = f"SELECT {names} FROM {_unpacked(columns)}"  # noqa: S608 - constants of this module
            cursor.execute(f"{into} {source} ON CONFLICT DO NOTHING", [_pack(rows)])
        else:
            places, values = ", ".join(["%s"] * len(columns)), itemgetter(*columns)
            cursor.executemany(f"{into} VALUES ({places}) ON CONFLICT DO NOTHING", [values(row) for row in rows])


def _pack(rows: Sequence[object]) -> str:
    return orjson.dumps(rows).decode()

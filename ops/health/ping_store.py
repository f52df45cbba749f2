"""Statements of pings, by hand: the ORM takes longer to write them than the database to run them.

Writers pass each other by two numbers that were read: the fence of the state and the count of the pings. On PostgreSQL
an ordinary ping is one read and one statement; what changes more takes a lock first and reads again.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import orjson
from django.db import connection

from core.clock import now_ms
from ops.health.domain import Runs
from ops.health.engine.commit import QuietResult

PINGS_KEPT = 100


@dataclass(frozen=True, slots=True)
class PingAddress:
    """Either the id of a heartbeat, or the key of an entity with the name of its check."""

    ping_id: uuid.UUID | None = None
    key: str = ""
    name: str = ""


class HeartbeatRow(NamedTuple):
    """A heartbeat and its state when a ping came."""

    now_ms: int
    check_id: int
    ping_count: int
    runs_json: str
    definition_version: int
    fence: int
    next_due_ms: int | None
    last_slot_ms: int | None
    interval_ms: int
    timeout_ms: int
    status: int
    fine_run: int
    up_run: int
    since_ms: int | None
    fresh_until_ms: int | None

    @property
    def runs(self) -> Runs:
        found: Runs = orjson.loads(self.runs_json)
        return found


class PingRow(NamedTuple):
    """A ping as it is kept, but for its place."""

    at_ms: int
    signal: str
    exit_status: int | None
    rid: uuid.UUID | None
    duration_ms: int | None
    address: str
    user_agent: str
    body: str


_NOW = {"postgresql": "(extract(epoch FROM clock_timestamp()) * 1000)::bigint", "sqlite": "NULL"}
_BY_ID = "ops_heartbeat.ping_id = %s"
_BY_NAME = (
    "ops_heartbeat.check_id = (SELECT ops_check.id FROM ops_check JOIN ops_pingkey "
    "ON ops_pingkey.entity_id = ops_check.entity_id WHERE ops_pingkey.key = %s AND ops_check.name = %s)"
)
# The state alone: what else is read is read after it, as the writer that held it left it.
_LOCK = (
    "SELECT check_id FROM ops_checkstate WHERE check_id = (SELECT check_id FROM ops_heartbeat WHERE {which}) "
    "FOR NO KEY UPDATE"
)
_READ = """
SELECT {now}, check_id, ping_count, runs, definition_version, fence, next_due_ms, last_slot_ms, interval_ms, timeout_ms,
  status, fine_run, up_run, since_ms, fresh_until_ms
FROM ops_heartbeat JOIN ops_checkstate USING (check_id) WHERE {which}"""

_PING_COLUMNS = ("number", *PingRow._fields)
_KEEP = """
INSERT INTO ops_ping (check_id, position, {columns}) SELECT {check_id}, %(position)s, {values} {source}
ON CONFLICT (check_id, position) DO UPDATE SET {assigned}"""


def _keep(check_id: str, source: str) -> str:
    return _KEEP.format(
        columns=", ".join(_PING_COLUMNS),
        values=", ".join(f"%({name})s" for name in _PING_COLUMNS),
        assigned=", ".join(f"{name} = excluded.{name}" for name in _PING_COLUMNS),
        check_id=check_id,
        source=source,
    )


_KEEP_PING = _keep("%(check_id)s", "WHERE true")  # tells SQLite that ON CONFLICT does not belong to a join
_NOTE_PING = "UPDATE ops_heartbeat SET pinged_ms = %s, runs = %s, ping_count = %s WHERE check_id = %s"
_QUIET = """
WITH state AS (
  SELECT check_id FROM ops_checkstate WHERE check_id = %(check_id)s AND fence = %(fence)s FOR NO KEY UPDATE
), beat AS (
  UPDATE ops_heartbeat SET pinged_ms = %(at_ms)s, runs = %(runs)s, ping_count = %(number)s FROM state
  WHERE ops_heartbeat.check_id = state.check_id AND ops_heartbeat.ping_count = %(ping_count)s
  RETURNING ops_heartbeat.check_id
), kept AS ({keep}){more}
SELECT check_id FROM beat"""
_QUIET_RESULT = """, moved AS (
  UPDATE ops_checkstate SET slot_ms = NULL, lease_until_ms = 0, fence = ops_checkstate.fence + 1, {assigned} FROM beat
  WHERE ops_checkstate.check_id = beat.check_id
), result AS (
  INSERT INTO ops_checkresult (check_id, {columns}) SELECT check_id, {values} FROM beat ON CONFLICT DO NOTHING
)"""


def read_heartbeat(address: PingAddress, *, lock: bool) -> HeartbeatRow | None:
    """None for an unknown address. ``lock`` holds its state until the end of the transaction."""
    vendor = connection.vendor
    which: str = _BY_NAME
    parameters: list[Any] = [address.key, address.name]
    if address.ping_id is not None:
        which, parameters = _BY_ID, [address.ping_id if vendor == "postgresql" else address.ping_id.hex]
    with connection.cursor() as cursor:
        if lock and vendor == "postgresql":
            cursor.execute(_LOCK.format(which=which), parameters)
        cursor.execute(_READ.format(now=_NOW[vendor], which=which), parameters)
        found = cursor.fetchone()
    if found is None:
        return None
    row = HeartbeatRow(*found)
    return row if vendor == "postgresql" else row._replace(now_ms=now_ms())


def note_ping(row: HeartbeatRow, ping: PingRow, runs: Runs) -> None:
    """Keep the ping and the runs; the caller holds the state."""
    number = row.ping_count + 1
    with connection.cursor() as cursor:
        cursor.execute(_NOTE_PING, [ping.at_ms, orjson.dumps(runs).decode(), number, row.check_id])
        cursor.execute(_KEEP_PING, _ping_parameters(row, ping))


def write_quietly(row: HeartbeatRow, ping: PingRow, runs: Runs, quiet: QuietResult | None) -> bool:
    """Keep the ping, and its result if it is one, in one statement of PostgreSQL.

    False when somebody else wrote since the row was read; then nothing is written.
    """
    parameters = {
        **_ping_parameters(row, ping),
        "fence": row.fence,
        "ping_count": row.ping_count,
        "runs": orjson.dumps(runs).decode(),
    }
    statement = _quiet_statement((), ())
    if quiet is not None:
        states = {name: value for name, value in quiet.state_row.items() if name not in {"check_id", "fence"}}
        results = {name: value for name, value in quiet.result_row.items() if name != "check_id"}
        statement = _quiet_statement(tuple(states), tuple(results))
        parameters |= {f"state_{name}": value for name, value in states.items()}
        parameters |= {f"result_{name}": value for name, value in results.items()}
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchone() is not None


@cache
def _quiet_statement(states: Iterable[str], results: Iterable[str]) -> str:
    more = _QUIET_RESULT.format(
        assigned=", ".join(f"{name} = %(state_{name})s" for name in states),
        columns=", ".join(results),
        values=", ".join(f"%(result_{name})s" for name in results),
    )
    return _QUIET.format(keep=_keep("check_id", "FROM beat"), more=more if results else "")


def _ping_parameters(row: HeartbeatRow, ping: PingRow) -> Mapping[str, Any]:
    number = row.ping_count + 1
    rid: Any = ping.rid
    if rid is not None and connection.vendor == "sqlite":
        rid = rid.hex
    return {
        **ping._replace(rid=rid)._asdict(),
        "check_id": row.check_id,
        "number": number,
        "position": number % PINGS_KEPT,
    }

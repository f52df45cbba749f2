"""The bulk statements of sampling.

On PostgreSQL one JSON document carries the rows of a group and the server unpacks it: one round trip a table. SQLite
runs in this process, where a prepared statement for each row costs less.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from operator import itemgetter

import orjson
from django.db import connection

from ops.queues.domain import RECENT_SAMPLES, Sample

type Row = Mapping[str, object]

_STANDING = {
    "status": "smallint", "since_ms": "bigint", "message": "text", "fresh_until_ms": "bigint", "last_at_ms": "bigint",
    "breach_in_ms": "bigint",
}  # fmt: skip
_SEEN = {
    **_STANDING, "seen_at_ms": "bigint", "size": "bigint", "oldest_age_ms": "bigint", "consumers": "bigint",
    "unacked": "bigint", "scheduled": "bigint", "dead": "bigint", "rate_in": "float8", "rate_out": "float8",
}  # fmt: skip
_SAMPLE = {
    "queue_id": "bigint", "at_ms": "bigint", "size": "bigint", "oldest_age_ms": "bigint", "consumers": "bigint",
    "added": "bigint", "removed": "bigint",
}  # fmt: skip
_ROLLUP = {
    "queue_id": "bigint", "start_ms": "bigint", "samples": "integer", "size_min": "bigint", "size_max": "bigint",
    "size_sum": "bigint", "oldest_age_max_ms": "bigint",
}  # fmt: skip

# One more sample joins those of its five minutes. SQLite's max() of several values is null when one of them is.
_JOIN_ROLLUP = """ON CONFLICT (queue_id, start_ms) DO UPDATE SET
  samples = ops_queuerollup.samples + excluded.samples,
  size_min = {least}(ops_queuerollup.size_min, excluded.size_min),
  size_max = {greatest}(ops_queuerollup.size_max, excluded.size_max),
  size_sum = ops_queuerollup.size_sum + excluded.size_sum,
  oldest_age_max_ms = {greatest}(
    COALESCE(ops_queuerollup.oldest_age_max_ms, excluded.oldest_age_max_ms),
    COALESCE(excluded.oldest_age_max_ms, ops_queuerollup.oldest_age_max_ms))"""
_EXTREMES = {
    "postgresql": {"least": "LEAST", "greatest": "GREATEST"},
    "sqlite": {"least": "MIN", "greatest": "MAX"},
}

_LOCK = "SELECT 1 FROM ops_queuestate WHERE queue_id = ANY(%s) ORDER BY queue_id FOR NO KEY UPDATE"
_RECENT = {
    "postgresql": """
SELECT sample.* FROM ops_queuestate AS state CROSS JOIN LATERAL (
  SELECT queue_id, at_ms, size, oldest_age_ms, consumers, added, removed FROM ops_queuesample
  WHERE queue_id = state.queue_id AND at_ms < state.slot_ms
    AND at_ms >= GREATEST(state.slot_ms - %s * state.interval_ms, state.sampled_from_ms)
  ORDER BY at_ms
) AS sample WHERE state.queue_id = ANY(%s)""",
    "sqlite": """
SELECT sample.queue_id, sample.at_ms, sample.size, sample.oldest_age_ms, sample.consumers, sample.added, sample.removed
FROM ops_queuestate AS state CROSS JOIN ops_queuesample AS sample
WHERE sample.queue_id = state.queue_id AND sample.at_ms < state.slot_ms
  AND sample.at_ms >= MAX(state.slot_ms - %s * state.interval_ms, state.sampled_from_ms)
  AND state.queue_id IN (SELECT value FROM json_each(%s)) ORDER BY sample.queue_id, sample.at_ms""",
}


def lock_states(queue_ids: Sequence[int]) -> None:
    """In the order of their keys, as every writer of several does; SQLite lets one writer in at a time."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_LOCK, [list(queue_ids)])


def read_recent(queue_ids: Sequence[int]) -> Mapping[int, list[Sample]]:
    """The samples of the intervals before the slots that are claimed, the oldest first, and none of another source."""
    found: dict[int, list[Sample]] = defaultdict(list)
    with connection.cursor() as cursor:
        ids = list(queue_ids) if connection.vendor == "postgresql" else orjson.dumps(list(queue_ids)).decode()
        cursor.execute(_RECENT[connection.vendor], [RECENT_SAMPLES, ids])
        for queue_id, *columns in cursor.fetchall():
            found[queue_id].append(Sample(*columns))
    return found


def update_states(rows: Sequence[Row], *, seen: bool) -> None:
    """``seen``: with what the look saw; else how the queue stands alone. The rows are the caller's."""
    columns = _SEEN if seen else _STANDING
    if not rows:
        return
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            assigned = ", ".join(f"{name} = row.{name}" for name in columns)
            cursor.execute(
                f"UPDATE ops_queuestate SET {assigned} FROM {_unpacked({'queue_id': 'bigint', **columns})} "  # noqa: S608 - constants of this module
                "WHERE ops_queuestate.queue_id = row.queue_id",
                [_pack(rows)],
            )
            return
        assigned, values = ", ".join(f"{name} = %s" for name in columns), itemgetter(*columns, "queue_id")
        statement = f"UPDATE ops_queuestate SET {assigned} WHERE queue_id = %s"  # noqa: S608 - constants of this module
        cursor.executemany(statement, [values(row) for row in rows])


def insert_samples(rows: Sequence[Row]) -> None:
    """The key (queue, slot) makes a second sample of one slot impossible."""
    _insert("ops_queuesample", _SAMPLE, rows, "ON CONFLICT DO NOTHING")


def join_rollups(rows: Sequence[Row]) -> None:
    """At most one row for each queue and start."""
    _insert("ops_queuerollup", _ROLLUP, rows, _JOIN_ROLLUP.format(**_EXTREMES[connection.vendor]))


def _insert(table: str, columns: Mapping[str, str], rows: Sequence[Row], conflict: str) -> None:
    if not rows:
        return
    names = ", ".join(columns)
    into = f"INSERT INTO {table} ({names})"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"{into} SELECT {names} FROM {_unpacked(columns)} {conflict}", [_pack(rows)])  # noqa: S608 - constants of this module
        else:
            places, values = ", ".join(["%s"] * len(columns)), itemgetter(*columns)
            cursor.executemany(f"{into} VALUES ({places}) {conflict}", [values(row) for row in rows])


def _unpacked(columns: Mapping[str, str]) -> str:
    return f"json_to_recordset(%s::json) AS row({', '.join(f'{name} {kind}' for name, kind in columns.items())})"


def _pack(rows: Sequence[Row]) -> str:
    return orjson.dumps(rows).decode()

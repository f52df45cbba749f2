"""Daily partitions of the tables that grow with every result, on PostgreSQL; elsewhere nothing of this happens.

A day that is over its horizon goes by one ``DROP TABLE`` instead of millions of deletions. Days are made ahead. A row
whose day is missing lands in the default partition, so an insert never fails; it moves when its day is made, and is
deleted by the retention otherwise.
"""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from django.db import connection, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.utils import DatabaseError

from core.clock import database_now_ms
from ops.health.horizons import DAY_MS, kept_from_ms

log = structlog.get_logger(__name__)

TIME_COLUMNS = {"ops_checkresult": "slot_ms", "ops_resultdetail": "slot_ms", "ops_finerollup": "start_ms"}
"""The partitioned tables, each with the column whose day decides."""

DAYS_AHEAD = 5
"""So long the platform may stand still, or its clock be wrong, before rows land in a default partition."""

ROWS_PER_MOVE = 20_000

_BOUNDS = """
SELECT child.relname, pg_get_expr(child.relpartbound, child.oid)
FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid WHERE inhparent = %s::regclass"""
_RANGE = re.compile(r"FROM \('?(MINVALUE|-?\d+)'?\) TO \('?(\d+)'?\)")
_FOR_EVER_AGO = -(2**63)


@dataclass(frozen=True, slots=True)
class Partition:
    """Rows from ``start_ms`` up to, not including, ``end_ms``."""

    name: str
    start_ms: int
    end_ms: int


def is_partitioned(table: str) -> bool:
    return connection.vendor == "postgresql" and table in TIME_COLUMNS


def default_of(table: str) -> str:
    return f"{table}_default"


def _is_there(table: str) -> bool:
    """Partitioned already: an older version of the schema may be asked for."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_class WHERE oid = to_regclass(%s) AND relkind = 'p'", [table])
        return cursor.fetchone() is not None


def keep_partitions(*, now_ms: int | None = None) -> tuple[int, int]:
    """Make the days that are missing, drop those over their horizon; how many of each.

    A table that others hold is left for the next time: waiting for it would hold up the engine behind us.
    """
    made = dropped = 0
    if connection.vendor != "postgresql":
        return made, dropped
    now = database_now_ms() if now_ms is None else now_ms
    for table in filter(_is_there, TIME_COLUMNS):
        kept_from = kept_from_ms(table, now_ms=now)
        try:
            made += make_partitions(table, kept_from_ms=kept_from, now_ms=now)
            dropped += drop_partitions(table, before_ms=kept_from)
        except DatabaseError as error:
            log.warning("health.partitions_busy", table=table, error=str(error))
    return made, dropped


def list_partitions(table: str) -> list[Partition]:
    """Without the default one, in order."""
    with connection.cursor() as cursor:
        cursor.execute(_BOUNDS, [table])
        rows = cursor.fetchall()
    found = []
    for name, bounds in rows:
        if match := _RANGE.search(bounds):
            start = _FOR_EVER_AGO if match[1] == "MINVALUE" else int(match[1])
            found.append(Partition(name, start, int(match[2])))
    return sorted(found, key=lambda partition: partition.start_ms)


def make_partitions(table: str, *, kept_from_ms: int, now_ms: int) -> int:
    """A partition for every day from ``kept_from_ms`` to ``DAYS_AHEAD`` from now that has none; how many were made."""
    present, made = list_partitions(table), 0
    first, last = kept_from_ms // DAY_MS, now_ms // DAY_MS + DAYS_AHEAD
    for start in range(first * DAY_MS, (last + 1) * DAY_MS, DAY_MS):
        if not any(old.start_ms < start + DAY_MS and start < old.end_ms for old in present):
            day = dt.datetime.fromtimestamp(start / 1_000, dt.UTC)
            _make_partition(table, Partition(f"{table}_{day:%Y%m%d}", start, start + DAY_MS))
            made += 1
    return made


def drop_partitions(table: str, *, before_ms: int) -> int:
    """Drop those that hold nothing from ``before_ms`` on; how many went."""
    gone = [old for old in list_partitions(table) if old.end_ms <= before_ms]
    for old in gone:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = 1000")
            cursor.execute(f"DROP TABLE {old.name}")
    return len(gone)


def _make_partition(table: str, new: Partition) -> None:
    """Attached with what the default partition holds of it: the two may not both be in charge of a row."""
    time, default = TIME_COLUMNS[table], default_of(table)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = 1000")
        cursor.execute(f"CREATE TABLE {new.name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
        # Attaching asks the default partition whether it holds rows of the new one; nobody may add any meanwhile.
        cursor.execute(f"LOCK TABLE {default} IN ACCESS EXCLUSIVE MODE")
        moved = ROWS_PER_MOVE
        while moved == ROWS_PER_MOVE:
            cursor.execute(
                f"WITH gone AS (DELETE FROM {default} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {default} "  # noqa: S608
                f"WHERE {time} >= %s AND {time} < %s LIMIT {ROWS_PER_MOVE})) RETURNING *) "
                f"INSERT INTO {new.name} SELECT * FROM gone",
                [new.start_ms, new.end_ms],
            )
            moved = cursor.rowcount
        cursor.execute(
            f"ALTER TABLE {table} ATTACH PARTITION {new.name} FOR VALUES FROM ({new.start_ms}) TO ({new.end_ms})"
        )


def partition_tables(schema_editor: BaseDatabaseSchemaEditor, tables: Mapping[str, str], *, now_ms: int) -> None:
    """Of a migration: turn plain tables into partitioned ones; ``tables`` maps each to the DDL of its columns.

    Rows are not copied: what a table holds becomes its first partition, to the end of the last day that it has rows of.
    """
    for table, columns in tables.items():
        time, old = TIME_COLUMNS[table], f"{table}_before"
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(f"SELECT max({time}) FROM {table}")  # noqa: S608
            newest = cursor.fetchone()[0]
        key = f"CONSTRAINT {table}_pkey PRIMARY KEY (check_id, {time})"
        for statement in (
            f"ALTER TABLE {table} RENAME TO {old}",
            f"ALTER INDEX {table}_pkey RENAME TO {old}_pkey",
            f"CREATE TABLE {table} ({columns}, {key}) PARTITION BY RANGE ({time})",
            f"CREATE TABLE {default_of(table)} PARTITION OF {table} DEFAULT",
        ):
            schema_editor.execute(statement)
        if newest is None:
            schema_editor.execute(f"DROP TABLE {old}")
        else:
            end = (max(newest, now_ms) // DAY_MS + 1) * DAY_MS
            schema_editor.execute(f"ALTER TABLE {table} ATTACH PARTITION {old} FOR VALUES FROM (MINVALUE) TO ({end})")
        make_partitions(table, kept_from_ms=now_ms - DAY_MS, now_ms=now_ms)

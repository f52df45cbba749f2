"""Claiming: take due slots for this process, by one conditional update that no other process can make as well."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from django.db import connection, transaction

from core.clock import database_now_ms, now_ms

AHEAD_MS = 1_000
"""Slots are claimed up to this long before they are due, and start at their time: a scheduler that ticks every second
adds no lateness, and slots of the same second share their claim and their commit."""
LEASE_MARGIN_MS = 10_000
"""What a claim has beyond the timeout of its row, for its commit."""


class Slot(NamedTuple):
    """A slot that this process runs. ``key`` names its row, ``rest`` holds the further columns of its schedule.

    ``claimed_at_ms`` is the moment of the claim by the clock that decides what is due, ``claimed_at_seconds`` the same
    moment by the monotonic clock of this process. Only the holder of ``fence`` may commit. ``missed`` slots passed
    before this one.
    """

    key: int
    slot_ms: int
    fence: int
    claimed_at_ms: int
    claimed_at_seconds: float
    missed: int
    interval_ms: int
    timeout_ms: int
    rest: tuple[Any, ...] = ()

    @property
    def starts_at(self) -> float:
        """The time of the slot by the monotonic clock; in the past for one that is late."""
        return self.claimed_at_seconds + (self.slot_ms - self.claimed_at_ms) / 1_000


# A slot that was claimed before and never committed is run again as it was; else the latest one of the grid is taken
# and the ones before it are counted. The two engines differ in their clock and in how rivals pass each other: on
# PostgreSQL each skips the rows that another has locked, SQLite lets one writer in at a time.
_CLAIM = """
WITH clock AS (SELECT {now} AS now_ms),
due AS (
  SELECT {key} AS due_key, now_ms, {step} AS step_ms, CASE WHEN next_due_ms < now_ms
    THEN (now_ms - next_due_ms) / {step} ELSE 0 END AS missed
  FROM {table} CROSS JOIN clock
  WHERE next_due_ms <= now_ms + %(ahead)s AND lease_until_ms <= now_ms
  ORDER BY next_due_ms LIMIT %(limit)s {lock}
)
UPDATE {table} SET
  missed_slots = missed_slots + CASE WHEN slot_ms IS NULL THEN missed ELSE 0 END,
  slot_ms = COALESCE(slot_ms, next_due_ms + missed * step_ms),
  lease_until_ms = now_ms + %(ahead)s + timeout_ms + %(margin)s,
  fence = fence + 1
FROM due WHERE {table}.{key} = due.due_key
RETURNING {table}.{key}, slot_ms, fence, next_due_ms, lease_until_ms, {step}, interval_ms, timeout_ms {rest}
"""
_NOW: Mapping[str, str] = {
    "postgresql": "(extract(epoch FROM clock_timestamp()) * 1000)::bigint",
    "sqlite": "%(now)s",
}


@dataclass(frozen=True)
class Schedule:
    """A table with the columns of ``models.Scheduled``, of which ``key`` names a row.

    ``step`` is the SQL of the time from a slot to the next one, ``rest`` are further columns that a claim reads.
    """

    table: str
    key: str
    step: str = "interval_ms"
    rest: tuple[str, ...] = ()

    def claim(self, *, limit: int, ahead_ms: int = AHEAD_MS) -> list[Slot]:
        """Claim up to ``limit`` slots, the most overdue first."""
        with transaction.atomic(), connection.cursor() as cursor:
            # The clocks are read once the transaction has begun: on SQLite that waits for the writer before it.
            parameters = {"now": now_ms(), "ahead": ahead_ms, "limit": limit, "margin": LEASE_MARGIN_MS}
            claimed_at_seconds = time.monotonic()
            cursor.execute(self._claims[connection.vendor], parameters)
            return [_slot_of(row, ahead_ms, claimed_at_seconds) for row in cursor.fetchall()]

    def release(self, slots: Sequence[tuple[int, int]]) -> None:
        """Give slots back unrun, each named by its key and fence: they are due at once, for any process."""
        with connection.cursor() as cursor:
            cursor.executemany(
                f"UPDATE {self.table} SET lease_until_ms = 0 WHERE {self.key} = %s AND fence = %s",  # noqa: S608 - names of columns
                slots,
            )

    def finish(self, slots: Sequence[tuple[int, int]]) -> set[int]:
        """End slots, each named by its key and fence, and plan the next of each row; the keys of those that still held.

        Part of the transaction that stores what came of them.
        """
        if not slots:
            return set()
        values = ", ".join(["(%s, %s)"] * len(slots))
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE {self.table} SET next_due_ms = {self.table}.slot_ms + {self.step}, slot_ms = NULL, "  # noqa: S608 - names of columns
                f"lease_until_ms = 0, fence = {self.table}.fence + 1 FROM (VALUES {values}) AS done "
                f"WHERE {self.table}.{self.key} = done.column1 AND {self.table}.fence = done.column2 "
                f"RETURNING {self.table}.{self.key}",
                [number for slot in slots for number in slot],
            )
            return {row[0] for row in cursor.fetchall()}

    def hasten(self, slots: Sequence[tuple[int, int]]) -> None:
        """Bring the next slots of rows forward, each named by its key with its time in ms. None is put off."""
        with connection.cursor() as cursor:
            cursor.executemany(
                f"UPDATE {self.table} SET next_due_ms = %s "  # noqa: S608 - names of columns
                f"WHERE {self.key} = %s AND next_due_ms > %s AND slot_ms IS NULL",
                [(due_ms, key, due_ms) for key, due_ms in slots],
            )

    def count_due(self, *, limit: int, ahead_ms: int = AHEAD_MS) -> int:
        """How many slots could be claimed now; counts no further than ``limit``."""
        now = database_now_ms()
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT count(*) FROM (SELECT 1 FROM {self.table} "  # noqa: S608 - names of columns
                "WHERE next_due_ms <= %s AND lease_until_ms <= %s LIMIT %s) AS due",
                [now + ahead_ms, now, limit],
            )
            return int(cursor.fetchone()[0])

    @cached_property
    def _claims(self) -> dict[str, str]:
        rest = "".join(f", {column}" for column in self.rest)
        locks = {"postgresql": f"FOR UPDATE OF {self.table} SKIP LOCKED", "sqlite": ""}
        return {
            vendor: _CLAIM.format(
                now=now, lock=locks[vendor], table=self.table, key=self.key, step=self.step, rest=rest
            )
            for vendor, now in _NOW.items()
        }


def _slot_of(row: Sequence[Any], ahead_ms: int, claimed_at_seconds: float) -> Slot:
    key, slot, fence, due, lease, step, interval, timeout = row[:8]
    claimed_at = lease - ahead_ms - timeout - LEASE_MARGIN_MS
    return Slot(
        key, slot, fence, claimed_at, claimed_at_seconds, (slot - due) // step, interval, timeout, tuple(row[8:])
    )  # fmt: skip

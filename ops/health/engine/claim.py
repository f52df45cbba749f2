"""Claiming: take due slots for this process, by one conditional update that no other process can make as well."""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import connection, transaction

from core.clock import database_now_ms, now_ms
from ops.health.domain import Standing, Status
from ops.health.engine.bulk import lock_free_states
from ops.health.models import CheckState

AHEAD_MS = 1_000
"""Slots are claimed up to this long before they are due, and start at their time: a scheduler that ticks every second
adds no lateness, and slots of the same second share their claim and their commit."""
LEASE_MARGIN_MS = 10_000
"""What a claim has beyond the check's own timeout, for its commit."""


class Claim(NamedTuple):
    """A slot that this process runs, and the standing that the check had when it was claimed.

    ``claimed_at_ms`` is the moment of the claim by the clock that decides what is due, ``claimed_at_seconds`` the same
    moment by the monotonic clock of this process. Only the holder of ``fence`` may commit. ``missed`` slots passed
    before this one.
    """

    check_id: int
    definition_version: int
    slot_ms: int
    fence: int
    claimed_at_ms: int
    claimed_at_seconds: float
    missed: int
    interval_ms: int
    timeout_ms: int
    anchor_ms: int | None
    standing: Standing
    since_ms: int | None
    fresh_until_ms: int | None

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
  SELECT check_id, now_ms, COALESCE(retry_ms, interval_ms) AS step_ms, CASE WHEN next_due_ms < now_ms
    THEN (now_ms - next_due_ms) / COALESCE(retry_ms, interval_ms) ELSE 0 END AS missed
  FROM ops_checkstate CROSS JOIN clock
  WHERE next_due_ms <= now_ms + %(ahead)s AND lease_until_ms <= now_ms
  ORDER BY next_due_ms LIMIT %(limit)s {lock}
)
UPDATE ops_checkstate SET
  missed_slots = missed_slots + CASE WHEN slot_ms IS NULL THEN missed ELSE 0 END,
  slot_ms = COALESCE(slot_ms, next_due_ms + missed * step_ms),
  lease_until_ms = now_ms + %(ahead)s + timeout_ms + %(margin)s,
  fence = fence + 1
FROM due WHERE ops_checkstate.check_id = due.check_id
RETURNING ops_checkstate.check_id, definition_version, slot_ms, fence, next_due_ms, lease_until_ms,
  COALESCE(retry_ms, interval_ms), interval_ms, timeout_ms, anchor_ms, status, fine_run, up_run, since_ms,
  fresh_until_ms
"""
_CLAIM_OF = {
    "postgresql": _CLAIM.format(
        now="(extract(epoch FROM clock_timestamp()) * 1000)::bigint", lock="FOR UPDATE OF ops_checkstate SKIP LOCKED"
    ),
    "sqlite": _CLAIM.format(now="%(now)s", lock=""),
}


def claim_due_checks(*, limit: int, ahead_ms: int = AHEAD_MS) -> list[Claim]:
    """Claim up to ``limit`` slots, the most overdue first."""
    with transaction.atomic(), connection.cursor() as cursor:
        # The clocks are read once the transaction has begun: on SQLite that waits for the writer before it.
        parameters = {"now": now_ms(), "ahead": ahead_ms, "limit": limit, "margin": LEASE_MARGIN_MS}
        claimed_at_seconds = time.monotonic()
        cursor.execute(_CLAIM_OF[connection.vendor], parameters)
        return [_claim_of(row, ahead_ms, claimed_at_seconds) for row in cursor.fetchall()]


def _claim_of(row: Sequence[Any], ahead_ms: int, claimed_at_seconds: float) -> Claim:
    check_id, version, slot, fence, due, lease, step, interval, timeout, anchor, *known = row
    status, fine_run, up_run, since, fresh = known
    claimed_at = lease - ahead_ms - timeout - LEASE_MARGIN_MS
    return Claim(
        check_id=check_id,
        definition_version=version,
        slot_ms=slot,
        fence=fence,
        claimed_at_ms=claimed_at,
        claimed_at_seconds=claimed_at_seconds,
        missed=(slot - due) // step,
        interval_ms=interval,
        timeout_ms=timeout,
        anchor_ms=anchor,
        standing=Standing(Status(status), fine_run, up_run),
        since_ms=since,
        fresh_until_ms=fresh,
    )


def release_claims(claims: Sequence[Claim]) -> None:
    """Give slots back unrun: they are due at once, for any process; that of a check being edited, after its lease."""
    if not claims:
        return
    with transaction.atomic(), connection.cursor() as cursor:
        held = lock_free_states([claim.check_id for claim in claims])
        cursor.executemany(
            "UPDATE ops_checkstate SET lease_until_ms = 0 WHERE check_id = %s AND fence = %s",
            [(claim.check_id, claim.fence) for claim in claims if claim.check_id not in held],
        )


def count_due_checks(*, limit: int, ahead_ms: int = AHEAD_MS) -> int:
    """How many slots could be claimed now; counts no further than ``limit``."""
    now = database_now_ms()
    due = CheckState.objects.filter(next_due_ms__lte=now + ahead_ms, lease_until_ms__lte=now)
    return due[:limit].count()

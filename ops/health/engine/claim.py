"""Claiming due slots of checks, with where the checks stand."""

from collections.abc import Sequence
from typing import NamedTuple

from django.db import transaction

from ops.health.domain import Standing
from ops.health.engine.bulk import lock_free_states
from ops.scheduling.claim import AHEAD_MS, Schedule, Slot
from ops.signals.domain import Status

CHECKS = Schedule(
    table="ops_checkstate",
    key="check_id",
    step="COALESCE(retry_ms, interval_ms)",
    rest=("definition_version", "anchor_ms", "status", "fine_run", "up_run", "since_ms", "fresh_until_ms"),
)


class Claim(NamedTuple):
    """A slot that this process runs (``Slot``), and the standing that the check had when it was claimed."""

    check_id: int
    definition_version: int
    slot_ms: int
    fence: int
    missed: int
    interval_ms: int
    timeout_ms: int
    claimed_at_ms: int
    claimed_at_seconds: float
    anchor_ms: int | None
    standing: Standing
    since_ms: int | None
    fresh_until_ms: int | None

    @property
    def starts_at(self) -> float:
        """As ``Slot.starts_at``."""
        return self.claimed_at_seconds + (self.slot_ms - self.claimed_at_ms) / 1_000


def claim_due_checks(*, limit: int, ahead_ms: int = AHEAD_MS) -> list[Claim]:
    """Claim up to ``limit`` slots, the most overdue first."""
    return [_claim_of(slot) for slot in CHECKS.claim(limit=limit, ahead_ms=ahead_ms)]


def _claim_of(slot: Slot) -> Claim:
    version, anchor, status, fine_run, up_run, since, fresh = slot.rest
    return Claim(
        check_id=slot.key,
        definition_version=version,
        slot_ms=slot.slot_ms,
        fence=slot.fence,
        missed=slot.missed,
        interval_ms=slot.interval_ms,
        timeout_ms=slot.timeout_ms,
        claimed_at_ms=slot.claimed_at_ms,
        claimed_at_seconds=slot.claimed_at_seconds,
        anchor_ms=anchor,
        standing=Standing(Status(status), fine_run, up_run),
        since_ms=since,
        fresh_until_ms=fresh,
    )


def release_claims(claims: Sequence[Claim]) -> None:
    """Give slots back unrun: they are due at once, for any process; that of a check being edited, after its lease."""
    if not claims:
        return
    with transaction.atomic():
        held = lock_free_states([claim.check_id for claim in claims])
        CHECKS.release([(claim.check_id, claim.fence) for claim in claims if claim.check_id not in held])

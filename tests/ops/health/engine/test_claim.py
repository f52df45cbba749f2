"""Which slots a process may take."""

import threading
import time

import pytest
from django.db import connection, transaction

from core.clock import database_now_ms
from ops.health.engine.claim import CHECKS, claim_due_checks, release_claims
from ops.health.models import Check, CheckState
from ops.scheduling.claim import AHEAD_MS, LEASE_MARGIN_MS
from tests.ops.health.factories import make_check, state_of

pytestmark = pytest.mark.django_db


def claimed_ids(*, limit: int = 100) -> list[int]:
    return [claim.check_id for claim in claim_due_checks(limit=limit)]


def expire_lease(check: Check) -> None:
    CheckState.objects.filter(pk=check.pk).update(lease_until_ms=database_now_ms() - 1)


def test_takes_what_is_due_or_almost_and_leaves_the_rest() -> None:
    due, almost = make_check(due_in_ms=-10), make_check(due_in_ms=AHEAD_MS // 2)
    make_check(due_in_ms=AHEAD_MS * 10)
    make_check(due_in_ms=None)

    assert CHECKS.count_due(limit=100) == 2
    assert set(claimed_ids()) == {due.pk, almost.pk}


def test_takes_the_most_overdue_first_up_to_its_limit() -> None:
    late, later, latest = (make_check(due_in_ms=-due) for due in (100, 200, 300))

    assert CHECKS.count_due(limit=2) == 2
    assert set(claimed_ids(limit=2)) == {later.pk, latest.pk}
    assert claimed_ids() == [late.pk]


def test_a_slot_is_taken_once() -> None:
    make_check()

    assert len(claimed_ids()) == 1
    assert claimed_ids() == []
    assert CHECKS.count_due(limit=100) == 0


def test_a_claim_carries_its_fence_slot_and_lease() -> None:
    check = make_check(due_in_ms=-5, timeout_ms=7_000)
    due = state_of(check).next_due_ms

    (claim,) = claim_due_checks(limit=1)
    state = state_of(check)

    assert (claim.slot_ms, claim.missed, claim.fence) == (due, 0, 1)
    assert (state.slot_ms, state.fence, state.next_due_ms) == (due, 1, due)
    assert state.lease_until_ms == claim.claimed_at_ms + AHEAD_MS + 7_000 + LEASE_MARGIN_MS
    assert 0 <= database_now_ms() - claim.claimed_at_ms < 5_000


def test_slots_that_passed_are_counted_and_the_grid_is_kept() -> None:
    check = make_check(due_in_ms=-3_500, interval_ms=1_000)
    first = state_of(check).next_due_ms
    assert first is not None

    (claim,) = claim_due_checks(limit=1)

    assert (claim.slot_ms, claim.missed) == (first + 3_000, 3)
    assert state_of(check).missed_slots == 3


def test_after_a_crash_the_same_slot_is_run_again_once_its_lease_is_over() -> None:
    check = make_check(due_in_ms=-3_500, interval_ms=1_000)
    (lost,) = claim_due_checks(limit=1)

    assert claim_due_checks(limit=1) == []
    expire_lease(check)
    (again,) = claim_due_checks(limit=1)

    assert (again.slot_ms, again.fence) == (lost.slot_ms, lost.fence + 1)
    assert state_of(check).missed_slots == 3


def test_a_slot_that_is_given_back_is_due_at_once() -> None:
    check = make_check()
    (claim,) = claim_due_checks(limit=1)
    release_claims([claim])

    (again,) = claim_due_checks(limit=1)

    assert (again.check_id, again.slot_ms) == (check.pk, claim.slot_ms)


def test_only_the_holder_of_the_fence_can_give_a_slot_back() -> None:
    check = make_check()
    (lost,) = claim_due_checks(limit=1)
    expire_lease(check)
    claim_due_checks(limit=1)

    release_claims([lost])

    assert claim_due_checks(limit=1) == []


@pytest.mark.django_db(transaction=True)
def test_the_clock_of_a_claim_that_waited_for_another_writer_is_read_after_the_wait(*, on_postgresql: bool) -> None:
    if on_postgresql:
        pytest.skip("PostgreSQL lets a claim pass other writers")
    make_check()
    holding, freed_at = threading.Event(), []

    def hold_the_writer() -> None:
        with transaction.atomic():
            holding.set()
            threading.Event().wait(0.3)
            freed_at.append((database_now_ms(), time.monotonic()))
        connection.close()

    writer = threading.Thread(target=hold_the_writer)
    writer.start()
    holding.wait(5)
    (claim,) = claim_due_checks(limit=1)
    writer.join()

    ((freed_ms, freed_seconds),) = freed_at
    assert claim.claimed_at_ms >= freed_ms
    assert claim.claimed_at_seconds >= freed_seconds

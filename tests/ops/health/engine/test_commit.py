"""What a group of results leaves behind."""

import pytest
from django.db import DatabaseError, transaction

from core.revision import current_revision
from ops.health.engine.claim import Claim, claim_due_checks
from ops.health.engine.commit import Outcome, Result, commit_outcomes
from ops.health.engine.definitions import load_checks
from ops.health.engine.judging import Judgement
from ops.health.models import Check, CheckResult, CheckState, ResultDetail, StatusChange
from ops.journal.models import JournalEntry
from ops.probing.probe import Observation
from ops.signals.domain import Status
from tests.ops.health.factories import make_check, state_of

pytestmark = pytest.mark.django_db

H, U, D, X = Status.HEALTHY, Status.UNKNOWN, Status.DEGRADED, Status.UNHEALTHY


def outcome_of(claim: Claim, status: Status, message: str = "") -> Outcome:
    return Outcome(
        check=load_checks([claim.check_id])[claim.check_id],
        fence=claim.fence,
        slot_ms=claim.slot_ms,
        next_due_ms=claim.slot_ms + claim.interval_ms,
        interval_ms=claim.interval_ms,
        timeout_ms=claim.timeout_ms,
        before=claim.standing,
        since_ms=claim.since_ms,
        fresh_until_ms=claim.fresh_until_ms,
        at_ms=claim.slot_ms + 40,
        late_ms=3,
        missed=claim.missed,
        duration_us=1_234,
        judgement=Judgement(status, message, {X: "connect", U: "engine"}.get(status, "")),
        observation=Observation(1_234),
        trace_id="ab" * 16,
    )


def run(check: Check, status: Status, message: str = "") -> Result:
    """One slot of the check from its claim to its commit."""
    CheckState.objects.filter(pk=check.pk).update(next_due_ms=state_of(check).next_due_ms or 0)
    (claim,) = claim_due_checks(limit=1, ahead_ms=10_000_000)
    (result,) = commit_outcomes([outcome_of(claim, status, message)]).results
    return result


def test_a_result_is_stored_and_the_next_slot_stays_on_the_grid() -> None:
    check = make_check(due_in_ms=-2_500, interval_ms=10_000)
    slot = state_of(check).next_due_ms
    assert slot is not None

    run(check, H)

    state = state_of(check)
    row = CheckResult.objects.get()
    assert (row.check_id, row.slot_ms, row.late_ms, row.duration_us, row.outcome) == (check.pk, slot, 3, 1_234, H)
    assert (state.next_due_ms, state.slot_ms, state.lease_until_ms) == (slot + 10_000, None, 0)
    assert (state.status, state.last_outcome, state.last_slot_ms, state.last_at_ms) == (H, H, slot, slot + 40)
    assert (state.since_ms, state.last_duration_us) == (slot + 40, 1_234)
    assert state.fresh_until_ms == slot + 10_000 + 20_000


def test_a_result_of_a_fence_that_moved_on_is_discarded() -> None:
    check = make_check()
    (claim,) = claim_due_checks(limit=1)
    CheckState.objects.filter(pk=check.pk).update(fence=claim.fence + 1)

    assert commit_outcomes([outcome_of(claim, X)]).results == []
    assert CheckResult.objects.count() == ResultDetail.objects.count() == JournalEntry.objects.count() == 0
    assert state_of(check).status == U


def test_a_result_of_a_fence_that_moved_on_is_discarded_beside_the_one_that_replaced_it() -> None:
    check = make_check()
    (lost,) = claim_due_checks(limit=1)
    CheckState.objects.filter(pk=check.pk).update(lease_until_ms=0, slot_ms=None, next_due_ms=lost.slot_ms + 5)
    (claim,) = claim_due_checks(limit=1)

    (result,) = commit_outcomes([outcome_of(lost, X), outcome_of(claim, H)]).results

    assert result.outcome.fence == claim.fence
    assert CheckResult.objects.get().slot_ms == claim.slot_ms


def test_a_fence_admits_one_result() -> None:
    make_check()
    (claim,) = claim_due_checks(limit=1)

    assert len(commit_outcomes([outcome_of(claim, H)]).results) == 1
    assert commit_outcomes([outcome_of(claim, X)]).results == []
    assert CheckResult.objects.get().outcome == H


def test_the_check_of_a_group_that_was_deleted_takes_no_other_along() -> None:
    gone, kept = make_check(), make_check()
    outcomes = [outcome_of(claim, H) for claim in claim_due_checks(limit=2)]
    Check.objects.filter(pk=gone.pk).delete()

    assert [result.outcome.check.check_id for result in commit_outcomes(outcomes).results] == [kept.pk]


def test_it_takes_as_many_failures_as_the_threshold_says() -> None:
    check = make_check(failure_threshold=2)
    run(check, H)

    assert run(check, X).after.status is H
    assert run(check, X).after.status is X
    assert run(check, H).after.status is H


def test_a_transition_is_told_once_with_its_reason() -> None:
    check = make_check()
    run(check, H)
    before = current_revision()

    run(check, X, "connection refused")
    since = state_of(check).since_ms
    run(check, X, "connection refused")

    down = JournalEntry.objects.order_by("-id")[0]
    assert JournalEntry.objects.count() == 2
    assert (down.entity_id, down.kind, down.subject) == (check.entity_id, "check.status", check.name)
    assert (down.before, down.after, down.message) == ("healthy", "unhealthy", "connection refused")
    assert (current_revision(), state_of(check).revision) == (before + 1, before + 1)
    assert state_of(check).since_ms == since


def test_what_failed_or_changed_keeps_its_reason_and_what_went_as_always_does_not() -> None:
    check = make_check()
    for status, message in ((H, ""), (H, ""), (X, "connection refused"), (D, "slow"), (H, "")):
        run(check, status, message)

    details = ResultDetail.objects.order_by("slot_ms")
    assert [detail.message for detail in details] == ["", "connection refused", "slow", ""]
    assert (details[1].phase, details[1].trace_id) == ("connect", "ab" * 16)


def test_a_result_after_silence_starts_from_unknown() -> None:
    check = make_check()
    run(check, H)
    before = current_revision()
    CheckState.objects.filter(pk=check.pk).update(fresh_until_ms=1)

    run(check, H)

    state, entry = state_of(check), JournalEntry.objects.order_by("-id")[0]
    assert (state.revision, state.since_ms) == (before + 1, state.last_at_ms)
    assert (JournalEntry.objects.count(), entry.before, entry.after) == (2, "unknown", "healthy")


def changes_of(check: Check) -> list[tuple[int, int]]:
    return list(StatusChange.objects.filter(check_id=check.pk).order_by("id").values_list("at_ms", "status"))


def test_every_change_of_status_is_kept_and_nothing_else() -> None:
    check = make_check(due_in_ms=-60_000, interval_ms=10_000)
    slots = [run(check, status).outcome.at_ms for status in (H, H, X, X, H)]

    assert changes_of(check) == [(slots[0], H), (slots[2], X), (slots[4], H)]


def test_a_result_after_silence_tells_from_when_on_the_status_was_unknown() -> None:
    check = make_check(interval_ms=10_000)
    first = run(check, H)
    silent_from = (state_of(check).next_due_ms or 0) - 400_000
    CheckState.objects.filter(pk=check.pk).update(fresh_until_ms=silent_from)

    again = run(check, H)

    assert changes_of(check) == [(first.outcome.at_ms, H), (silent_from, U), (again.outcome.at_ms, H)]


def test_a_failure_below_its_threshold_after_silence_does_not_bring_back_what_was_before() -> None:
    check = make_check(failure_threshold=2)
    run(check, H)
    before = current_revision()
    CheckState.objects.filter(pk=check.pk).update(fresh_until_ms=1)

    run(check, X, "connection refused")

    state = state_of(check)
    assert (state.status, state.since_ms, state.revision) == (U, 1, before + 1)
    assert JournalEntry.objects.count() == 1
    assert run(check, X, "connection refused").after.status is X


def test_a_first_failure_below_its_threshold_is_shown() -> None:
    check = make_check(failure_threshold=3)
    before = current_revision()

    run(check, X, "connection refused")
    assert (state_of(check).status, state_of(check).revision) == (U, before + 1)

    run(check, X, "connection refused")
    assert state_of(check).revision == before + 1


@pytest.mark.parametrize(
    ("first", "second", "shown"),
    [
        ("timed out after 5 s while connecting", "[STATUS] (503) == 200", True),
        ("[STATUS] (503) == 200", "[STATUS] (404) == 200", True),
        ("connection refused", "connection refused", False),
        ("[RESPONSE_TIME] (812.4) < 500", "[RESPONSE_TIME] (799) < 500", False),
        ("took 812 ms, limit 500 ms", "took 1.3 s, limit 500 ms", False),
    ],
)
def test_another_reason_for_the_same_trouble_is_shown_but_not_another_measure(
    first: str, second: str, *, shown: bool
) -> None:
    check = make_check()
    run(check, X, first)
    before = current_revision()

    run(check, X, second)

    assert state_of(check).revision == before + shown
    assert JournalEntry.objects.count() == 1


def test_a_check_that_recovers_says_so_and_is_shown() -> None:
    check = make_check(success_threshold=2)
    run(check, X, "connection refused")
    before = current_revision()

    run(check, H)

    assert (state_of(check).status, state_of(check).last_message) == (X, "recovering, 1 of 2 good results")
    assert state_of(check).revision == before + 1


def test_a_long_message_of_a_check_that_recovers_fits() -> None:
    check = make_check(success_threshold=2)
    run(check, X, "x" * 500)

    run(check, D, "y" * 500)

    assert len(state_of(check).last_message) == 500


def test_an_outcome_that_says_nothing_keeps_neither_status_nor_freshness_alive() -> None:
    check = make_check()
    run(check, H)
    fresh = state_of(check).fresh_until_ms

    run(check, U, "the probe itself failed")

    state = state_of(check)
    assert (state.status, state.fresh_until_ms) == (H, fresh)
    assert (state.last_outcome, state.last_message) == (U, "the probe itself failed")


def test_the_first_result_of_a_slot_stands() -> None:
    check = make_check()
    run(check, H)
    slot = CheckResult.objects.get().slot_ms
    CheckState.objects.filter(pk=check.pk).update(next_due_ms=slot)

    run(check, X)

    assert CheckResult.objects.get().outcome == H


def test_text_from_a_target_is_stored_as_it_is_and_never_as_a_statement() -> None:
    check = make_check()
    hostile = "'; DROP TABLE ops_check; -- \"\\ %s {} é 𝄞"

    run(check, X, hostile)

    assert state_of(check).last_message == hostile
    assert ResultDetail.objects.get().message == hostile


def test_a_group_that_fails_half_way_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    check = make_check()
    (claim,) = claim_due_checks(limit=1)

    def fail(rows: object) -> None:
        raise DatabaseError("disk full")

    monkeypatch.setattr("ops.health.engine.commit.insert_details", fail)
    with pytest.raises(DatabaseError), transaction.atomic():
        commit_outcomes([outcome_of(claim, X)])

    assert (state_of(check).status, state_of(check).slot_ms) == (U, claim.slot_ms)
    assert CheckResult.objects.count() == JournalEntry.objects.count() == 0

"""Committing: the results of a group become rows in one transaction, or none of them does."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.db import transaction

from core.revision import take_revision
from ops.health.domain import Standing, next_standing, standing_at, standing_reason
from ops.health.engine.bulk import (
    Row,
    insert_changes,
    insert_details,
    insert_results,
    lock_free_states,
    update_states,
)
from ops.health.engine.definitions import PreparedCheck
from ops.health.engine.judging import Judgement
from ops.health.models import CheckState
from ops.journal.services import NewEntry, record_entries
from ops.probing.excerpts import MESSAGE_LENGTH
from ops.probing.probe import Observation
from ops.scheduling.freshness import fresh_until
from ops.signals.domain import Status

JOURNAL_KIND = "check.status"
_NUMBERS_SEEN = re.compile(r"(?<!\[STATUS\] )\(-?[0-9.]+\)|[0-9.]+ (?:ms|s|min|h|days)\b")


class Outcome(NamedTuple):
    """One judged result on its way into the database.

    ``fence`` admits it once; ``before``, ``since_ms`` and ``fresh_until_ms`` are what was known when the fence was
    taken. ``at_ms`` is when the probe ended, ``next_due_ms`` when the check is due again;
    ``retry_ms`` and ``anchor_ms`` go with it (``domain.NextSlot``).
    """

    check: PreparedCheck
    fence: int
    slot_ms: int
    next_due_ms: int
    interval_ms: int
    timeout_ms: int
    before: Standing
    since_ms: int | None
    fresh_until_ms: int | None
    at_ms: int
    late_ms: int
    missed: int
    duration_us: int
    judgement: Judgement
    observation: Observation | None = None
    trace_id: str = ""
    retry_ms: int | None = None
    anchor_ms: int | None = None


class Result(NamedTuple):
    """A committed outcome, and where the check stood ``before`` and ``after`` it."""

    outcome: Outcome
    before: Standing
    after: Standing
    since_ms: int
    fresh_until_ms: int | None

    @property
    def is_transition(self) -> bool:
        return self.after.status is not self.before.status

    @property
    def reason(self) -> str:
        judgement, thresholds = self.outcome.judgement, self.outcome.check.thresholds
        return standing_reason(self.after, judgement.message, thresholds)[:MESSAGE_LENGTH]

    @property
    def is_worth_a_detail(self) -> bool:
        """What failed or changed keeps its reason; what went as always does not."""
        return self.is_transition or self.outcome.judgement.outcome is not Status.HEALTHY

    @property
    def ends_silence(self) -> bool:
        """A page showed the check without a result, or as one whose results had stopped."""
        until = self.outcome.fresh_until_ms
        return (until is None or until < self.outcome.at_ms) and self.fresh_until_ms != until

    def is_shown_differently(self, last_message: str) -> bool:
        """Whether pages must learn of it: another status, the end of a silence, or another reason for the trouble."""
        if self.is_transition or self.ends_silence:
            return True
        return self.after.status is not Status.HEALTHY and is_other_reason(self.reason, last_message)


def is_other_reason(message: str, last_message: str) -> bool:
    """Whether two messages differ in more than what was measured.

    Durations and numbers in brackets, but for the status of an answer, change with every result of the same trouble:
    ``took 812 ms, limit 500 ms``, ``[BODY].queue (7) < 5``. Pages show the new ones with whatever else they must learn.
    """
    return _NUMBERS_SEEN.sub("", message) != _NUMBERS_SEEN.sub("", last_message)


@dataclass(frozen=True, slots=True)
class Commit:
    """What was stored, and the outcomes whose check is being edited: they are to be committed again later."""

    results: list[Result]
    held: list[Outcome]


def commit_outcomes(outcomes: Sequence[Outcome]) -> Commit:
    """Store a group. An outcome whose fence has moved on is discarded."""
    with transaction.atomic(savepoint=False):
        held = lock_free_states([outcome.check.check_id for outcome in outcomes])
        results = [_advance(outcome) for outcome in outcomes if outcome.check.check_id not in held]
        last_messages = _read_last_messages(results)
        admitted = update_states([_state_row(result) for result in results])
        results = [result for result in results if (result.outcome.check.check_id, result.outcome.fence) in admitted]
        insert_results([_result_row(result) for result in results])
        insert_details([_detail_row(result) for result in results if result.is_worth_a_detail])
        insert_changes([row for result in results for row in _change_rows(result)])
        _append_to_journal(result for result in results if result.is_transition)
        shown = [
            result.outcome.check.check_id
            for result in results
            if result.is_shown_differently(last_messages.get(result.outcome.check.check_id, ""))
        ]
        if shown:
            CheckState.objects.filter(pk__in=shown).update(revision=take_revision())
    return Commit(results, [outcome for outcome in outcomes if outcome.check.check_id in held])


@dataclass(frozen=True, slots=True)
class QuietResult:
    """A result that changes nothing that pages show: all there is to write is the row of its state and its own."""

    result: Result
    state_row: Row
    result_row: Row


def find_quiet(outcome: Outcome) -> QuietResult | None:
    """None for an outcome that needs ``commit_outcomes``. Whoever writes the rows does so under the same fence."""
    result = _advance(outcome)
    if result.is_worth_a_detail or result.ends_silence or result.after.status is not Status.HEALTHY:
        return None
    return QuietResult(result, _state_row(result), _result_row(result))


def _read_last_messages(results: Iterable[Result]) -> dict[int, str]:
    """Of the checks that stay in trouble; with all well it costs nothing. Only the fence's holder changes them."""
    in_trouble = [
        result.outcome.check.check_id
        for result in results
        if not result.is_transition and result.after.status is not Status.HEALTHY
    ]
    if not in_trouble:
        return {}
    return dict(CheckState.objects.filter(pk__in=in_trouble).values_list("pk", "last_message"))


def _advance(outcome: Outcome) -> Result:
    kind = outcome.judgement.outcome
    until = outcome.fresh_until_ms
    before = standing_at(outcome.before, fresh_until_ms=until, at_ms=outcome.at_ms)
    is_fault = outcome.judgement.is_fault
    proves_nothing = kind is Status.UNKNOWN and not is_fault
    after = Standing() if proves_nothing else next_standing(before, kind, outcome.check.thresholds)
    since = outcome.since_ms
    if after.status is not before.status or since is None:
        since = outcome.at_ms
    elif before.status is not outcome.before.status and until is not None:  # unknown since it went stale
        since = until
    if not is_fault:  # one keeps nothing fresh
        until = fresh_until(
            next_due_ms=outcome.next_due_ms,
            interval_ms=outcome.retry_ms or outcome.interval_ms,
            timeout_ms=outcome.timeout_ms,
        )
    return Result(outcome, before, after, since, until)


def _state_row(result: Result) -> Row:
    outcome, after = result.outcome, result.after
    return {
        "check_id": outcome.check.check_id,
        "fence": outcome.fence,
        "next_due_ms": outcome.next_due_ms,
        "retry_ms": outcome.retry_ms,
        "anchor_ms": outcome.anchor_ms,
        "status": after.status,
        "since_ms": result.since_ms,
        "fine_run": after.fine_run,
        "up_run": after.up_run,
        "fresh_until_ms": result.fresh_until_ms,
        "last_slot_ms": outcome.slot_ms,
        "last_at_ms": outcome.at_ms,
        "last_outcome": outcome.judgement.outcome,
        "last_duration_us": outcome.duration_us,
        "last_message": result.reason,
    }


def _result_row(result: Result) -> Row:
    outcome = result.outcome
    return {
        "check_id": outcome.check.check_id,
        "slot_ms": outcome.slot_ms,
        "late_ms": outcome.late_ms,
        "duration_us": outcome.duration_us,
        "outcome": outcome.judgement.outcome,
    }


def _detail_row(result: Result) -> Row:
    outcome = result.outcome
    return {
        "check_id": outcome.check.check_id,
        "slot_ms": outcome.slot_ms,
        "phase": outcome.judgement.phase,
        "message": outcome.judgement.message,
        "trace_id": outcome.trace_id,
        "excerpt": outcome.judgement.excerpt,
    }


def _change_rows(result: Result) -> Iterable[Row]:
    """The changes of status that it tells of: that results had stopped coming, which nobody wrote down, and its own."""
    check_id, outcome = result.outcome.check.check_id, result.outcome
    if outcome.before.status is not result.before.status:
        yield {"check_id": check_id, "at_ms": outcome.fresh_until_ms, "status": result.before.status}
    if result.is_transition:
        yield {"check_id": check_id, "at_ms": outcome.at_ms, "status": result.after.status}


def _append_to_journal(transitions: Iterable[Result]) -> None:
    record_entries(
        NewEntry(
            entity_id=result.outcome.check.entity_id,
            at_ms=result.outcome.at_ms,
            kind=JOURNAL_KIND,
            subject=result.outcome.check.name,
            before=result.before.status.word,
            after=result.after.status.word,
            message=result.outcome.judgement.message,
        )
        for result in transitions
    )

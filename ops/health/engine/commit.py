"""Committing: the results of a group become rows in one transaction, or none of them does."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.db import connection, transaction

from core.revision import take_revision
from ops.health.checks.kind import Observation
from ops.health.domain import Standing, Status, fresh_until, next_standing
from ops.health.engine.definitions import PreparedCheck
from ops.health.engine.judging import Judgement
from ops.health.models import CheckResult, CheckState, ResultDetail
from ops.journal.services import NewEntry, record_entries

JOURNAL_KIND = "check.status"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One judged result on its way into the database.

    ``fence`` admits it once; ``before``, ``since_ms`` and ``fresh_until_ms`` are what was known when the fence was
    taken. ``at_ms`` is when the probe ended, ``next_due_ms`` when the check is due again.
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


@dataclass(frozen=True, slots=True)
class Result:
    """A committed outcome and where it left the check."""

    outcome: Outcome
    after: Standing
    since_ms: int
    fresh_until_ms: int | None

    @property
    def is_transition(self) -> bool:
        return self.after.status is not self.outcome.before.status

    @property
    def is_shown_differently(self) -> bool:
        """A page that showed the check as unknown, because results had stopped, must learn of this one as well."""
        until = self.outcome.fresh_until_ms
        was_stale = until is not None and until < self.outcome.at_ms
        return self.is_transition or (was_stale and self.fresh_until_ms != until)


def commit_outcomes(outcomes: Sequence[Outcome]) -> list[Result]:
    """Store a group; returns what was stored. An outcome whose fence has moved on is discarded."""
    results = [_advance(outcome) for outcome in outcomes]
    with transaction.atomic():
        admitted = _update_states(results)
        results = [result for result in results if result.outcome.check.check_id in admitted]
        _insert_results(results)
        _insert_details(results)
        _append_to_journal(result for result in results if result.is_transition)
        shown = [result.outcome.check.check_id for result in results if result.is_shown_differently]
        if shown:
            CheckState.objects.filter(pk__in=shown).update(revision=take_revision())
    return results


def _advance(outcome: Outcome) -> Result:
    kind = outcome.judgement.outcome
    after = next_standing(outcome.before, kind, outcome.check.thresholds)
    changed = after.status is not outcome.before.status
    since = outcome.at_ms if changed or outcome.since_ms is None else outcome.since_ms
    until = outcome.fresh_until_ms
    if kind is not Status.UNKNOWN:  # an outcome that says nothing keeps nothing fresh
        until = fresh_until(
            next_due_ms=outcome.next_due_ms, interval_ms=outcome.interval_ms, timeout_ms=outcome.timeout_ms
        )
    return Result(outcome, after, since, until)


# One JSON document carries the group, and the same statement unpacks it on either engine.
_COLUMNS = {
    "check_id": "bigint", "fence": "bigint", "next_due_ms": "bigint", "status": "smallint", "since_ms": "bigint",
    "fine_run": "smallint", "up_run": "smallint", "fresh_until_ms": "bigint", "last_slot_ms": "bigint",
    "last_at_ms": "bigint", "last_outcome": "smallint", "last_duration_us": "bigint", "last_message": "text",
}  # fmt: skip
_TYPED = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
_UNPACKED = ", ".join(f"value ->> '$.{name}' AS {name}" for name in _COLUMNS)
_ROWS_OF = {
    "postgresql": f"json_to_recordset(%s::json) AS row({_TYPED})",
    "sqlite": f"(SELECT {_UNPACKED} FROM json_each(%s)) AS row",  # noqa: S608 - constants of this module
}
_SET = ", ".join(f"{name} = row.{name}" for name in _COLUMNS if name not in {"check_id", "fence"})
_UPDATE_OF = {
    vendor: f"UPDATE ops_checkstate SET slot_ms = NULL, lease_until_ms = 0, fence = ops_checkstate.fence + 1, {_SET} "  # noqa: S608
    f"FROM {rows} WHERE ops_checkstate.check_id = row.check_id AND ops_checkstate.fence = row.fence "
    "RETURNING ops_checkstate.check_id"
    for vendor, rows in _ROWS_OF.items()
}


def _update_states(results: Sequence[Result]) -> set[int]:
    """The checks whose fence still matched."""
    rows = [
        {
            "check_id": outcome.check.check_id,
            "fence": outcome.fence,
            "next_due_ms": outcome.next_due_ms,
            "status": result.after.status,
            "since_ms": result.since_ms,
            "fine_run": result.after.fine_run,
            "up_run": result.after.up_run,
            "fresh_until_ms": result.fresh_until_ms,
            "last_slot_ms": outcome.slot_ms,
            "last_at_ms": outcome.at_ms,
            "last_outcome": outcome.judgement.outcome,
            "last_duration_us": outcome.duration_us,
            "last_message": outcome.judgement.message,
        }
        for result in results
        for outcome in (result.outcome,)
    ]
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE_OF[connection.vendor], [orjson.dumps(rows).decode()])
        return {row[0] for row in cursor.fetchall()}


def _insert_results(results: Iterable[Result]) -> None:
    """The key (check, slot) makes a second result of one slot impossible; the first one stands."""
    rows: list[tuple[Any, ...]] = [
        (outcome.check.check_id, outcome.slot_ms, outcome.late_ms, outcome.duration_us, int(outcome.judgement.outcome))
        for outcome in (result.outcome for result in results)
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {CheckResult._meta.db_table} (check_id, slot_ms, late_ms, duration_us, outcome) "  # noqa: S608, SLF001
            "VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            rows,
        )


def _insert_details(results: Iterable[Result]) -> None:
    """What failed or changed keeps its reason; what went as always does not."""
    ResultDetail.objects.bulk_create(
        [
            ResultDetail(
                check_id=outcome.check.check_id,
                slot_ms=outcome.slot_ms,
                phase=outcome.judgement.phase,
                message=outcome.judgement.message,
                trace_id=outcome.trace_id,
            )
            for result in results
            for outcome in (result.outcome,)
            if result.is_transition or outcome.judgement.outcome is not Status.HEALTHY
        ],
        ignore_conflicts=True,
    )


def _append_to_journal(transitions: Iterable[Result]) -> None:
    record_entries(
        NewEntry(
            entity_id=result.outcome.check.entity_id,
            at_ms=result.outcome.at_ms,
            kind=JOURNAL_KIND,
            subject=result.outcome.check.name,
            before=result.outcome.before.status.word,
            after=result.after.status.word,
            message=result.outcome.judgement.message,
        )
        for result in transitions
    )

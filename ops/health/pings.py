"""Pings of heartbeats: what the target says of itself, committed as a result by the engine's own code."""

import enum
import uuid
from dataclasses import dataclass

import structlog
from django.db import transaction
from django.db.models import F

from core.clock import database_now_ms
from core.errors import NotFound
from ops.health.checks.kind import Expectation, Observation, ProbeFailed
from ops.health.domain import Standing, Status
from ops.health.engine.commit import Outcome, Result, commit_outcomes
from ops.health.engine.definitions import PreparedCheck, prepare_check
from ops.health.engine.judging import clean_text, judge
from ops.health.engine.reporting import report_results
from ops.health.models import CheckState, Heartbeat

log = structlog.get_logger(__name__)

SHOWN_LENGTH = 200


class Signal(enum.StrEnum):
    SUCCESS = "success"
    START = "start"
    FAIL = "fail"
    LOG = "log"


@dataclass(frozen=True, slots=True)
class Ping:
    """``exit_status`` is None unless the ping carried one; ``text`` is what came along, such as a job's last words."""

    signal: Signal
    exit_status: int | None = None
    text: str = ""


def record_ping(*, ping_id: uuid.UUID, ping: Ping) -> None:
    """Take one ping. A success or a failure is a result at once and moves the deadline; a start moves it closer.

    A ping of a check that is not scheduled is noted and proves nothing. Raises ``NotFound`` for an unknown address.
    """
    results: list[Result] = []
    with transaction.atomic():
        state = (
            CheckState.objects.select_for_update(of=("self",))
            .select_related("definition__entity", "definition__heartbeat")
            .filter(definition__heartbeat__ping_id=ping_id)
            .first()
        )
        check = prepare_check(state.definition) if state is not None else None
        if state is None or check is None or (expectation := check.expectation) is None:
            raise NotFound("There is no heartbeat at this address")
        now = database_now_ms()
        match ping.signal:
            case Signal.LOG:
                log.info("heartbeat.logged", entity=check.entity_name, check=check.name, text=ping.text[:SHOWN_LENGTH])
            case Signal.START:
                _note_start(state, expectation, now)
            case Signal.SUCCESS | Signal.FAIL:
                results = _commit(state, check, expectation, ping, now)
    report_results(results, scheduled=False)


def _note_start(state: CheckState, expectation: Expectation, now: int) -> None:
    """A run that takes longer than the grace is late, whatever the period still allows."""
    Heartbeat.objects.filter(pk=state.pk).update(started_ms=now)
    if state.next_due_ms is not None and state.next_due_ms > now + expectation.grace_ms:
        CheckState.objects.filter(pk=state.pk).update(
            next_due_ms=now + expectation.grace_ms, slot_ms=None, lease_until_ms=0, fence=F("fence") + 1
        )


def _commit(state: CheckState, check: PreparedCheck, expectation: Expectation, ping: Ping, now: int) -> list[Result]:
    started = state.definition.heartbeat.started_ms
    Heartbeat.objects.filter(pk=state.pk).update(pinged_ms=now, started_ms=None)
    if state.next_due_ms is None:
        return []
    duration_us = max(0, now - started) * 1_000 if started is not None else 0
    seen: Observation | ProbeFailed = Observation(duration_us)
    if ping.signal is Signal.FAIL:
        seen = ProbeFailed("reported", _failure_message(ping), duration_us=duration_us)
    return commit_outcomes(
        [
            Outcome(
                check=check,
                fence=state.fence,
                slot_ms=max(now, (state.last_slot_ms or 0) + 1),  # two pings of one millisecond are two results
                next_due_ms=now + expectation.period_ms + expectation.grace_ms,
                interval_ms=state.interval_ms,
                timeout_ms=state.timeout_ms,
                before=Standing(Status(state.status), state.fine_run, state.up_run),
                since_ms=state.since_ms,
                fresh_until_ms=state.fresh_until_ms,
                at_ms=now,
                late_ms=0,
                missed=0,
                duration_us=duration_us,
                judgement=judge(check, seen),
                observation=seen if isinstance(seen, Observation) else None,
            )
        ]
    )


def _failure_message(ping: Ping) -> str:
    said = clean_text(ping.text)[:SHOWN_LENGTH].strip()
    what = "reported a failure" if ping.exit_status is None else f"exit status {ping.exit_status}"
    return f"{what}: {said}" if said else what

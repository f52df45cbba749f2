"""Pings of heartbeats: what the target says of itself, committed as a result by the engine's own code."""

import enum
import uuid
from dataclasses import dataclass
from typing import NamedTuple

import structlog
from django.db import connection, transaction

from core.clock import now_ms
from core.errors import NotFound
from ops.health.checks.kind import Expectation, Observation, ProbeFailed
from ops.health.domain import Standing, Status
from ops.health.engine.commit import Outcome, Result, commit_outcomes
from ops.health.engine.definitions import DefinitionCache, PreparedCheck
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


class _Row(NamedTuple):
    """The state of a heartbeat when its ping came, locked until the end of the transaction."""

    now_ms: int
    started_ms: int | None
    check_id: int
    definition_version: int
    fence: int
    next_due_ms: int | None
    last_slot_ms: int | None
    interval_ms: int
    timeout_ms: int
    status: int
    fine_run: int
    up_run: int
    since_ms: int | None
    fresh_until_ms: int | None


# By hand: the ORM takes longer to write these statements than the database to run them. The state is locked first and
# alone; what else is read is read after it, as the writer that held it left it.
_LOCK = """
SELECT check_id, definition_version, fence, next_due_ms, last_slot_ms, interval_ms, timeout_ms,
  status, fine_run, up_run, since_ms, fresh_until_ms
FROM ops_checkstate WHERE check_id = (SELECT check_id FROM ops_heartbeat WHERE ping_id = %s) {lock}"""
_LOCK_OF = {"postgresql": _LOCK.format(lock="FOR NO KEY UPDATE"), "sqlite": _LOCK.format(lock="")}
_READ = "SELECT {now}, started_ms FROM ops_heartbeat WHERE ping_id = %s"
_READ_OF = {
    "postgresql": _READ.format(now="(extract(epoch FROM clock_timestamp()) * 1000)::bigint"),
    "sqlite": _READ.format(now="NULL"),
}
DEFINITIONS = DefinitionCache()


def record_ping(*, ping_id: uuid.UUID, ping: Ping) -> None:
    """Take one ping. A success or a failure is a result at once and moves the deadline; a start moves it closer.

    A ping of a check that is not scheduled is noted and proves nothing. Raises ``NotFound`` for an unknown address.
    """
    results: list[Result] = []
    with transaction.atomic():
        row = _find(ping_id)
        check = _find_definition(row)
        expectation = check.expectation if check is not None else None
        if row is None or check is None or expectation is None:
            raise NotFound("There is no heartbeat at this address")
        match ping.signal:
            case Signal.LOG:
                log.info("heartbeat.logged", entity=check.entity_name, check=check.name, text=ping.text[:SHOWN_LENGTH])
            case Signal.START:
                _note_start(row, expectation)
            case Signal.SUCCESS | Signal.FAIL:
                results = _commit(row, check, expectation, ping)
    report_results(results, scheduled=False)


def _find(ping_id: uuid.UUID) -> _Row | None:
    postgresql = connection.vendor == "postgresql"
    parameters = [ping_id if postgresql else ping_id.hex]
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_OF[connection.vendor], parameters)
        state = cursor.fetchone()
        cursor.execute(_READ_OF[connection.vendor], parameters)
        heartbeat = cursor.fetchone()
    if state is None or heartbeat is None:
        return None
    row = _Row(*heartbeat, *state)
    return row if postgresql else row._replace(now_ms=now_ms())


def _find_definition(row: _Row | None) -> PreparedCheck | None:
    if row is None:
        return None
    key = (row.check_id, row.definition_version)
    return DEFINITIONS.get([key]).get(key)


def _note_start(row: _Row, expectation: Expectation) -> None:
    """A run that takes longer than the grace is late, whatever the period still allows."""
    Heartbeat.objects.filter(pk=row.check_id).update(started_ms=row.now_ms)
    deadline = row.now_ms + expectation.grace_ms
    if row.next_due_ms is not None and row.next_due_ms > deadline:
        CheckState.objects.filter(pk=row.check_id).update(
            next_due_ms=deadline, slot_ms=None, lease_until_ms=0, fence=row.fence + 1
        )


def _commit(row: _Row, check: PreparedCheck, expectation: Expectation, ping: Ping) -> list[Result]:
    now = row.now_ms
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE ops_heartbeat SET pinged_ms = %s, started_ms = NULL WHERE check_id = %s", [now, row.check_id]
        )
    if row.next_due_ms is None:
        return []
    duration_us = max(0, now - row.started_ms) * 1_000 if row.started_ms is not None else 0
    seen: Observation | ProbeFailed = Observation(duration_us)
    if ping.signal is Signal.FAIL:
        seen = ProbeFailed("reported", _failure_message(ping), duration_us=duration_us)
    return commit_outcomes(
        [
            Outcome(
                check=check,
                fence=row.fence,
                slot_ms=max(now, (row.last_slot_ms or 0) + 1),  # two pings of one millisecond are two results
                next_due_ms=now + expectation.period_ms + expectation.grace_ms,
                interval_ms=row.interval_ms,
                timeout_ms=row.timeout_ms,
                before=Standing(Status(row.status), row.fine_run, row.up_run),
                since_ms=row.since_ms,
                fresh_until_ms=row.fresh_until_ms,
                at_ms=now,
                late_ms=0,
                missed=0,
                duration_us=duration_us,
                judgement=judge(check, seen),
                observation=seen if isinstance(seen, Observation) else None,
            )
        ]
    ).results


def _failure_message(ping: Ping) -> str:
    said = clean_text(ping.text)[:SHOWN_LENGTH].strip()
    what = "reported a failure" if ping.exit_status is None else f"exit status {ping.exit_status}"
    return f"{what}: {said}" if said else what

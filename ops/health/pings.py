"""Pings of heartbeats: what the target says of itself, committed as a result by the engine's own code."""

import enum
import uuid
from dataclasses import dataclass

import structlog
from django.db import connection, transaction

from core.errors import NotFound
from ops.health.checks.expectation import Expectation
from ops.health.domain import Runs, Standing, end_run, ping_deadline, start_run
from ops.health.engine.commit import Outcome, Result, commit_outcomes, find_quiet
from ops.health.engine.definitions import DefinitionCache, PreparedCheck
from ops.health.engine.judging import judge
from ops.health.engine.reporting import report_results
from ops.health.models import CheckState
from ops.health.ping_store import HeartbeatRow, PingAddress, PingRow, note_ping, read_heartbeat, write_quietly
from ops.probing.excerpts import clean_text
from ops.probing.probe import Observation, ProbeFailed
from ops.signals.domain import Status

log = structlog.get_logger(__name__)

SHOWN_LENGTH = 200
DEFINITIONS = DefinitionCache()


class Signal(enum.StrEnum):
    SUCCESS = "success"
    START = "start"
    FAIL = "fail"
    LOG = "log"


@dataclass(frozen=True, slots=True)
class Ping:
    """``exit_status`` is None unless the ping carried one; ``text`` is what came along, such as a job's last words.

    ``rid`` pairs the end of a run with its start. ``duration_ms`` is what the target itself says that the run took.
    """

    signal: Signal
    exit_status: int | None = None
    text: str = ""
    rid: uuid.UUID | None = None
    duration_ms: int | None = None
    address: str = ""
    user_agent: str = ""

    @property
    def is_end(self) -> bool:
        return self.signal in {Signal.SUCCESS, Signal.FAIL}


@dataclass(frozen=True, slots=True)
class _Taken:
    """A ping with what was known when it came, and what follows from it. ``outcome`` is None where it proves nothing,
    ``deadline_ms`` unless the ping moves it closer."""

    row: HeartbeatRow
    check: PreparedCheck
    kept: PingRow
    runs: Runs
    outcome: Outcome | None
    deadline_ms: int | None


def record_ping(*, address: PingAddress, ping: Ping) -> None:
    """Take one ping. A success or a failure is a result at once and moves the deadline; a start moves it closer.

    A ping of a check that is not scheduled is noted and proves nothing. Raises ``NotFound`` for an unknown address.
    """
    taken = None
    if connection.vendor == "postgresql" and not connection.in_atomic_block:
        taken, results = _record_quietly(address, ping)
    if taken is None:
        with transaction.atomic():
            taken = _take(read_heartbeat(address, lock=True), ping)
            results = _record(taken)
    if ping.signal is Signal.LOG:
        check = taken.check
        log.info("heartbeat.logged", entity=check.entity_name, check=check.name, text=ping.text[:SHOWN_LENGTH])
    report_results(results, scheduled=False)


def _record_quietly(address: PingAddress, ping: Ping) -> tuple[_Taken | None, list[Result]]:
    """The way of a ping that changes nothing that pages show; None when it takes the other way."""
    taken = _take(read_heartbeat(address, lock=False), ping)
    quiet = None
    if taken.outcome is not None:
        quiet = find_quiet(taken.outcome)
    if taken.deadline_ms is not None or (taken.outcome is not None and quiet is None):
        return None, []
    if not write_quietly(taken.row, taken.kept, taken.runs, quiet):
        return None, []
    return taken, [quiet.result] if quiet else []


def _record(taken: _Taken) -> list[Result]:
    note_ping(taken.row, taken.kept, taken.runs)
    if taken.deadline_ms is not None:
        CheckState.objects.filter(pk=taken.row.check_id).update(
            next_due_ms=taken.deadline_ms, slot_ms=None, lease_until_ms=0, fence=taken.row.fence + 1
        )
    return commit_outcomes([taken.outcome]).results if taken.outcome is not None else []


def _take(row: HeartbeatRow | None, ping: Ping) -> _Taken:
    """What follows from a ping; writes nothing. Raises ``NotFound``."""
    check = expectation = None
    if row is not None:
        key = (row.check_id, row.definition_version)
        check = DEFINITIONS.get([key]).get(key)
        expectation = check.expectation if check is not None else None
    if row is None or check is None or expectation is None:
        raise NotFound("There is no heartbeat at this address")
    run_id = ping.rid.hex if ping.rid is not None else ""
    runs, started_ms, deadline_ms = row.runs, None, None
    if ping.signal is Signal.START:
        runs = start_run(runs, run_id, at_ms=row.now_ms)
        if row.next_due_ms is not None:
            closer = ping_deadline(row.next_due_ms, runs, grace_ms=expectation.grace_ms, now_ms=row.now_ms)
            deadline_ms = closer if closer < row.next_due_ms else None
    elif ping.is_end:
        runs, started_ms = end_run(runs, run_id)
    duration_ms = ping.duration_ms
    if duration_ms is None and started_ms is not None:
        duration_ms = max(0, row.now_ms - started_ms)
    kept = PingRow(
        row.now_ms, ping.signal.value, ping.exit_status, ping.rid, duration_ms, ping.address, ping.user_agent, ping.text
    )
    outcome = None
    if ping.is_end and row.next_due_ms is not None:
        outcome = _outcome(row, check, expectation, ping, runs, duration_us=(duration_ms or 0) * 1_000)
    return _Taken(row, check, kept, runs, outcome, deadline_ms)


def _outcome(
    row: HeartbeatRow, check: PreparedCheck, expectation: Expectation, ping: Ping, runs: Runs, *, duration_us: int
) -> Outcome:
    now = row.now_ms
    seen: Observation | ProbeFailed = Observation(duration_us)
    if ping.signal is Signal.FAIL:
        seen = ProbeFailed("reported", _failure_message(ping), duration_us=duration_us)
    deadline = ping_deadline(expectation.deadline_after(now), runs, grace_ms=expectation.grace_ms, now_ms=now)
    return Outcome(
        check=check,
        fence=row.fence,
        slot_ms=max(now, (row.last_slot_ms or 0) + 1),  # two pings of one millisecond are two results
        next_due_ms=deadline,
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


def _failure_message(ping: Ping) -> str:
    said = clean_text(ping.text)[:SHOWN_LENGTH].strip()
    what = "reported a failure" if ping.exit_status is None else f"exit status {ping.exit_status}"
    return f"{what}: {said}" if said else what

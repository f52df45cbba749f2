"""The way of a check result: claim, probe, judge, commit, report. The database is the truth; a task only wakes this up.

It rolls: while anything is in flight it keeps claiming what falls due, so that a target that hangs holds up nobody, and
commits what finished in groups. It ends when nothing is due and nothing is in flight, or when its turn is over.
"""

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, connection

from core.pulse import record_pulse, record_trouble
from core.retry import retry
from ops.health.domain import NextSlot, next_slot
from ops.health.engine.breakers import EngineBreakers, retry_ms_of
from ops.health.engine.claim import claim_due_checks, release_claims
from ops.health.engine.clock_watch import watch_clock
from ops.health.engine.commit import Commit, Outcome, commit_outcomes
from ops.health.engine.connectivity import ConnectivityGuard
from ops.health.engine.definitions import DefinitionCache
from ops.health.engine.judging import judge
from ops.health.engine.probing import Attempt, Job, Prober
from ops.health.engine.reporting import report_results
from ops.health.selectors.members import member_standings
from ops.health.selectors.pings import runs_under_way
from ops.probing.probe import Observation
from ops.signals.domain import Status

log = structlog.get_logger(__name__)

BATCH = 200
COLLECT_SECONDS = 0.4
TURN_SECONDS = 600.0
PULSE_SECONDS = 2.0
_LATE_LIMIT_MS = 2_147_483_647  # the column is an integer; a slot may be run again weeks after a crash


@dataclass(slots=True)
class Summary:
    committed: int = 0
    discarded: int = 0
    released: int = 0


class Engine:
    """One per process. ``should_stop`` is asked about twice a second.

    At the end of a turn what is in flight is given back for another process to run; with ``keeps_in_flight`` it goes
    on, and the next turn of this engine collects it. ``guard`` says whether a failure may be put down to its target,
    ``breakers`` whether a target is asked at all.
    """

    def __init__(
        self,
        prober: Prober,
        *,
        should_stop: Callable[[], bool] = lambda: False,
        turn_seconds: float = TURN_SECONDS,
        keeps_in_flight: bool = False,
        guard: ConnectivityGuard | None = None,
        breakers: EngineBreakers | None = None,
    ) -> None:
        self._prober = prober
        self._should_stop = should_stop
        self._turn_seconds = turn_seconds
        self._keeps_in_flight = keeps_in_flight
        self._guard = guard
        self._breakers = breakers
        self._definitions = DefinitionCache()
        self._held: list[Outcome] = []
        self._pulsed_at = float("-inf")

    def run_due_checks(self) -> Summary:
        """Run until nothing is left. Does not raise for a database that fails: leases expire, and slots run again."""
        summary, ends_at = Summary(), time.monotonic() + self._turn_seconds
        while True:
            stopping = self._should_stop()
            if stopping or time.monotonic() > ends_at:
                if stopping or not self._keeps_in_flight:
                    self._give_back(summary)
                return summary
            claimed = self._claim_and_start()
            if not self._prober.in_flight:
                if not self._held:
                    return summary
                time.sleep(COLLECT_SECONDS)
            # A full claim says that more is due: come back at once.
            wait = 0.0 if claimed == BATCH else COLLECT_SECONDS
            self._commit(self._prober.collect(group=BATCH, wait_seconds=wait), summary)
            self._pulse()

    def _claim_and_start(self) -> int:
        room = min(BATCH, self._prober.room)
        if not room:
            return 0
        try:
            claims = claim_due_checks(limit=room)
            checks = self._definitions.get([(claim.check_id, claim.definition_version) for claim in claims])
            standings = member_standings({member for check in checks.values() for member in check.members})
            runs = runs_under_way([check.check_id for check in checks.values() if check.expectation is not None])
        except (DatabaseError, InterfaceError) as error:
            _note_database_failure("health.claim_failed", error)
            return 0
        jobs = [
            Job(claim, check, claim.starts_at, standings, runs=runs.get(claim.check_id, {}))
            for claim in claims
            if (check := checks.get((claim.check_id, claim.definition_version))) is not None
        ]
        if self._breakers is not None:
            self._breakers.admit(jobs)
        self._prober.start(jobs)
        return len(claims)

    def _commit(self, attempts: Sequence[Attempt], summary: Summary) -> None:
        seen = [_outcome_of(attempt) for attempt in attempts]
        reviewed = seen if self._guard is None else self._guard.review(seen)
        if self._breakers is not None:
            self._breakers.observe(attempts, reviewed)
        outcomes = [*self._held, *reviewed]
        if not outcomes:
            return
        self._held = []
        try:
            commit = _commit_with_retries(outcomes)
        except (DatabaseError, InterfaceError) as error:
            _note_database_failure("health.commit_failed", error)
            return
        self._held = commit.held
        discarded = len(outcomes) - len(commit.results) - len(commit.held)
        summary.committed += len(commit.results)
        summary.discarded += discarded
        report_results(commit.results, discarded=discarded)

    def _give_back(self, summary: Summary) -> None:
        abandoned = [job.claim for job in self._prober.abandon()]
        self._commit(self._prober.collect(group=0, wait_seconds=0), summary)
        try:
            release_claims(abandoned)
        except (DatabaseError, InterfaceError) as error:
            _note_database_failure("health.release_failed", error)
        summary.released += len(abandoned)

    def _pulse(self) -> None:
        """A worker that rolls on runs no tick, and is alive all the same."""
        if time.monotonic() - self._pulsed_at < PULSE_SECONDS:
            return
        self._pulsed_at = time.monotonic()
        try:
            watch_clock()
            record_pulse("worker")
            if self._guard is not None:
                self._guard.tell()
        except (DatabaseError, InterfaceError) as error:
            _note_database_failure("health.pulse_failed", error)


@retry(on=(OperationalError, InterfaceError), attempts=4, total_seconds=6.0)
def _commit_with_retries(outcomes: Sequence[Outcome]) -> Commit:
    try:
        return commit_outcomes(outcomes)
    except (OperationalError, InterfaceError):
        connection.close()
        raise


def _note_database_failure(event: str, error: Exception) -> None:
    """Tell whoever reads as well, if the database takes that much: it may be a lock, or a disk that is full."""
    log.error(event, error=str(error))
    connection.close()
    with contextlib.suppress(DatabaseError, InterfaceError):
        record_trouble("database")


def _following_slot(job: Job, outcome: Status) -> NextSlot:
    """Of a kind that waits for signs of life the deadline of the next one: there is nothing to try again."""
    claim = job.claim
    if (expectation := job.check.expectation) is not None:
        return NextSlot(expectation.deadline_after_silence(claim.slot_ms))
    return next_slot(
        claim.slot_ms,
        outcome,
        interval_ms=claim.interval_ms,
        retry_ms=retry_ms_of(job),
        anchor_ms=claim.anchor_ms,
    )


def _outcome_of(attempt: Attempt) -> Outcome:
    claim, check = attempt.job.claim, attempt.job.check
    judgement = attempt.judgement or judge(check, attempt.seen)
    following = _following_slot(attempt.job, judgement.outcome)
    return Outcome(
        check=check,
        fence=claim.fence,
        slot_ms=claim.slot_ms,
        next_due_ms=following.due_ms,
        retry_ms=following.retry_ms,
        anchor_ms=following.anchor_ms,
        interval_ms=claim.interval_ms,
        timeout_ms=claim.timeout_ms,
        before=claim.standing,
        since_ms=claim.since_ms,
        fresh_until_ms=claim.fresh_until_ms,
        at_ms=attempt.ended_ms,
        late_ms=min(attempt.late_ms, _LATE_LIMIT_MS),
        missed=claim.missed,
        duration_us=attempt.seen.duration_us,
        judgement=judgement,
        observation=attempt.seen if isinstance(attempt.seen, Observation) else None,
        trace_id=attempt.trace_id,
    )

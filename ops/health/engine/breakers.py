"""The engine's breakers: a check is not probed while its target fails again and again, and says so.

Guarded are checks that dial one target. A check that is upside down wants its target to fail, and is always probed.
"""

import time
from collections.abc import Sequence

from core.breaker.storage import Storage
from ops.health.engine.commit import Outcome
from ops.health.engine.definitions import PreparedCheck
from ops.health.engine.probing import Attempt, Job
from ops.probing.guarding import TRANSPORT_PHASES, Leave, Refusal, TargetBreakers, name_of
from ops.signals.domain import Status


class EngineBreakers:
    """One per engine. Of targets that answer it keeps nothing and asks nothing."""

    def __init__(self, storage: Storage) -> None:
        self._targets = TargetBreakers(storage)

    def admit(self, jobs: Sequence[Job]) -> None:
        """Give each job its leave or its refusal, all in one question; also tells what was observed."""
        if not self._targets.is_watching():
            return
        answers = self._targets.ask([target_of(job.check) for job in jobs])
        asked_at = time.monotonic()
        for job, answer in zip(jobs, answers, strict=True):
            if isinstance(answer, Refusal):
                since_slot_ms = round((asked_at - job.starts_at) * 1_000)
                job.answer = answer._replace(again_ms=max(1, since_slot_ms + answer.again_ms))
            else:
                job.answer = answer

    def observe(self, attempts: Sequence[Attempt], outcomes: Sequence[Outcome]) -> None:
        """How the attempts ended, each with its reviewed outcome: what is our own fault counts against nobody."""
        for attempt, outcome in zip(attempts, outcomes, strict=True):
            answer, judgement = attempt.job.answer, outcome.judgement
            failed = judgement.phase in TRANSPORT_PHASES and judgement.outcome is Status.UNHEALTHY
            if isinstance(answer, Leave):
                if judgement.tells_of_target:
                    self._targets.note(answer, judgement.message if failed else None)
            elif failed and answer is None and (target := target_of(attempt.job.check)) is not None:
                self._targets.note(Leave(target), judgement.message)


def target_of(check: PreparedCheck) -> str | None:
    if check.defect or check.upside_down or len(check.targets) != 1:
        return None
    return name_of(check.targets[0])


def retry_ms_of(job: Job) -> int | None:
    """From the slot to the next one after a failure. A check that was refused comes back when its target is asked."""
    if isinstance(job.answer, Refusal) and not job.answer.by_operator:
        return min(job.answer.again_ms, job.check.retry_ms or job.claim.interval_ms)
    return job.check.retry_ms

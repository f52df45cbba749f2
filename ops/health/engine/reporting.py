"""What follows a commit: metrics, the series of the checks, one log event per transition. None of it may fail it."""

from collections import Counter
from collections.abc import Sequence

import structlog

from core.telemetry.metrics import CHECK_LATENESS, CHECK_RESULTS, CHECK_RESULTS_DISCARDED, CHECK_SLOTS_MISSED
from ops.health.engine.commit import Result
from ops.health.exposition import ProbeSample, publish_samples
from ops.signals.domain import Status

log = structlog.get_logger(__name__)


def report_results(results: Sequence[Result], *, discarded: int = 0, scheduled: bool = True) -> None:
    """``scheduled`` is false for results that came by themselves, which cannot be late."""
    counts = Counter((result.outcome.check.kind_name, result.outcome.judgement.outcome) for result in results)
    for (kind, outcome), count in counts.items():
        CHECK_RESULTS.labels(kind, outcome.word).inc(count)
    if scheduled:
        for result in results:
            CHECK_LATENESS.observe(result.outcome.late_ms / 1_000)
    if missed := sum(result.outcome.missed for result in results):
        CHECK_SLOTS_MISSED.inc(missed)
    if discarded:
        CHECK_RESULTS_DISCARDED.inc(discarded)
    publish_samples(_sample_of(result) for result in results if result.outcome.judgement.outcome is not Status.UNKNOWN)
    for result in results:
        if result.is_transition:
            _log_transition(result)


def _sample_of(result: Result) -> ProbeSample:
    outcome = result.outcome
    values = outcome.observation.values if outcome.observation is not None else {}
    phases = outcome.observation.phases if outcome.observation is not None else {}
    expires_in_ms = values.get("CERTIFICATE_EXPIRATION")
    return ProbeSample(
        check_id=outcome.check.check_id,
        labels=outcome.check.labels,
        success=outcome.judgement.outcome is not Status.UNHEALTHY,
        duration_seconds=outcome.duration_us / 1e6,
        status_code=values.get("STATUS"),
        http_phases=phases if "STATUS" in values else {},
        tcp_phases=phases if outcome.check.kind_name == "tcp" else {},
        lookup_seconds=phases.get("resolve"),
        certificate_expires=None if expires_in_ms is None else (outcome.at_ms + expires_in_ms) / 1_000,
    )


def _log_transition(result: Result) -> None:
    outcome = result.outcome
    level = log.warning if result.after.status is Status.UNHEALTHY else log.info
    level(
        "health.status_changed",
        entity=outcome.check.entity_name,
        check=outcome.check.name,
        before=result.before.status.word,
        after=result.after.status.word,
        reason=outcome.judgement.message,
        probe_trace_id=outcome.trace_id,
    )

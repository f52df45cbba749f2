"""From what a probe saw to an outcome and its reason: no database, no clock."""

from collections.abc import Sequence
from typing import NamedTuple

import structlog

from core.durations import describe_duration_ms
from core.redaction import REDACTED
from core.telemetry.error_reports import report_error
from ops.health.conditions import Effort, Verdict
from ops.health.domain import turned_upside_down
from ops.health.engine.definitions import PreparedCheck
from ops.probing.body import Body
from ops.probing.excerpts import EXCERPT_BYTES, clean_text, make_excerpt
from ops.probing.probe import Observation, ProbeFailed
from ops.signals.domain import Status

log = structlog.get_logger(__name__)

SMALL_BYTES = 16_384
SMALL_SECONDS, LARGE_SECONDS = 0.05, 0.25
"""Of the processor, for all conditions of one answer; three of them over a mebibyte of JSON take 0.03."""


class Judgement(NamedTuple):
    """``phase`` is where it failed: a probe's phase, or ``condition``, ``slow``, ``upside_down``, ``crash``; ``engine``
    is a failure of our own that says nothing at all.

    ``excerpt`` is the beginning of the answer, of an outcome that is not healthy.
    """

    outcome: Status
    message: str = ""
    phase: str = ""
    excerpt: str = ""

    @property
    def is_fault(self) -> bool:
        """Nothing was learned, not even that nothing can be known."""
        return self.phase == "engine"

    @property
    def tells_of_target(self) -> bool:
        return self.phase not in {"engine", "crash"}


type Seen = Observation | ProbeFailed


class Verdicts(NamedTuple):
    """Of the conditions of a check, and of those that degrade it."""

    required: Sequence[Verdict]
    degraded: Sequence[Verdict]


def is_large(seen: Seen) -> bool:
    """An answer that is judged in a thread of its own: it may take as long as ``LARGE_SECONDS``."""
    return (
        isinstance(seen, Observation)
        and isinstance(body := seen.values.get("BODY"), Body)
        and len(body.data) > SMALL_BYTES
    )


def evaluate(check: PreparedCheck, seen: Observation, *, seconds: float) -> Verdicts:
    """Every condition, where ``judge`` needs no more than to know the outcome."""
    effort = Effort(seconds)
    seen.values["RESPONSE_TIME"] = seen.duration_us / 1_000
    return Verdicts(
        [item.evaluate(seen.values, effort) for item in check.conditions],
        [item.evaluate(seen.values, effort) for item in check.degraded_conditions],
    )


def judge(check: PreparedCheck, seen: Seen, verdicts: Verdicts | None = None) -> Judgement:
    """Unhealthy when the probe or a condition failed, degraded when a softer condition or the time limit did.

    Of a check that is upside down it is the other way round.

    The body is let go: only conditions ask for it, and results wait for their group.
    """
    try:
        judgement = _judge(check, seen, verdicts)
        if check.upside_down:
            judgement = _turn_upside_down(judgement)
        if judgement.outcome is Status.HEALTHY:
            return judgement
        excerpt = _excerpt_of(seen, check.secrets)
        return judgement._replace(message=_hide(judgement.message, check.secrets), excerpt=excerpt)
    except Exception as error:
        log.exception("health.judging_failed", check=check.uid, kind=check.kind_name)
        report_error(error, transaction="health.judging")
        return Judgement(Status.UNKNOWN, f"judging failed: {type(error).__name__}", "crash")
    finally:
        if isinstance(seen, Observation):
            seen.values.pop("BODY", None)


def _judge(check: PreparedCheck, seen: Seen, verdicts: Verdicts | None) -> Judgement:
    if isinstance(seen, ProbeFailed):
        return Judgement(seen.outcome, clean_text(seen.message), seen.phase)
    judged, finding = _judge_observation(check, seen, verdicts), seen.finding
    if finding is not None and finding.outcome >= judged.outcome:
        return Judgement(finding.outcome, clean_text(finding.message), finding.phase)
    return judged


def _judge_observation(check: PreparedCheck, seen: Observation, verdicts: Verdicts | None) -> Judgement:
    values, effort = seen.values, Effort(LARGE_SECONDS if is_large(seen) else SMALL_SECONDS)
    values["RESPONSE_TIME"] = seen.duration_us / 1_000
    required = verdicts.required if verdicts else (item.evaluate(values, effort) for item in check.conditions)
    if failed := [verdict.text for verdict in required if not verdict.ok]:
        return Judgement(Status.UNHEALTHY, clean_text("; ".join(failed)), "condition")
    degraded = verdicts.degraded if verdicts else (item.evaluate(values, effort) for item in check.degraded_conditions)
    if failed := [verdict.text for verdict in degraded if not verdict.ok]:
        return Judgement(Status.DEGRADED, clean_text("; ".join(failed)), "condition")
    limit = check.degraded_above_us
    if limit is not None and seen.duration_us > limit:
        took, allowed = describe_duration_ms(seen.duration_us / 1_000), describe_duration_ms(limit / 1_000)
        return Judgement(Status.DEGRADED, f"took {took}, limit {allowed}", "slow")
    return Judgement(Status.HEALTHY)


def _turn_upside_down(judgement: Judgement) -> Judgement:
    outcome = turned_upside_down(judgement.outcome)
    match outcome:
        case Status.HEALTHY:
            return Judgement(outcome, clean_text(f"fails, as it should: {judgement.message}"))
        case Status.UNHEALTHY:
            also = f" ({judgement.message})" if judgement.message else ""
            return Judgement(
                outcome, clean_text(f"works, and should not: the check is upside down{also}"), "upside_down"
            )
        case _:
            return judgement


def _excerpt_of(seen: Observation | ProbeFailed, secrets: Sequence[str]) -> str:
    answer: bytes | str = seen.excerpt
    if not answer and isinstance(seen, Observation) and isinstance(body := seen.values.get("BODY"), Body):
        answer = body.data
    if secrets:  # before it is cut, so that no half of one is left
        beginning = answer[: 2 * EXCERPT_BYTES]
        answer = _hide(beginning if isinstance(beginning, str) else beginning.decode(errors="replace"), secrets)
    return make_excerpt(answer) if answer else ""


def _hide(text: str, secrets: Sequence[str]) -> str:
    """What the target says of our own secrets, such as a page that repeats the address that was asked for."""
    for secret in secrets:
        text = text.replace(secret, REDACTED)
    return text

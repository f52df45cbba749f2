"""From what a probe saw to an outcome and its reason: no database, no clock."""

from dataclasses import dataclass
from typing import NamedTuple

import structlog

from core.durations import describe_duration_ms
from ops.health.checks.kind import Observation, ProbeFailed
from ops.health.domain import Status
from ops.health.engine.definitions import PreparedCheck

log = structlog.get_logger(__name__)

MESSAGE_LENGTH = 500


class Judgement(NamedTuple):
    """``phase`` is where it failed: a probe's phase, or ``condition``, ``slow``, ``engine``."""

    outcome: Status
    message: str = ""
    phase: str = ""


@dataclass(frozen=True, slots=True)
class EngineFault:
    """Nothing was learned about the target: the platform itself failed."""

    message: str
    duration_us: int = 0


type Seen = Observation | ProbeFailed | EngineFault


def judge(check: PreparedCheck, seen: Seen) -> Judgement:
    """Unhealthy when the probe or a condition failed, degraded when a softer condition or the time limit did.

    The body is let go: only conditions ask for it, and results wait for their group.
    """
    try:
        return _judge(check, seen)
    except Exception as error:
        log.exception("health.judging_failed", check=check.uid, kind=check.kind_name)
        return Judgement(Status.UNKNOWN, f"judging failed: {type(error).__name__}", "engine")
    finally:
        if isinstance(seen, Observation):
            seen.values.pop("BODY", None)


def _judge(check: PreparedCheck, seen: Seen) -> Judgement:
    match seen:
        case EngineFault():
            return Judgement(Status.UNKNOWN, clean_text(seen.message), "engine")
        case ProbeFailed():
            return Judgement(Status.UNHEALTHY, clean_text(seen.message), seen.phase)
    values = seen.values
    values["RESPONSE_TIME"] = seen.duration_us / 1_000
    failed = [verdict.text for verdict in (item.evaluate(values) for item in check.conditions) if not verdict.ok]
    if failed:
        return Judgement(Status.UNHEALTHY, clean_text("; ".join(failed)), "condition")
    failed = [
        verdict.text for verdict in (item.evaluate(values) for item in check.degraded_conditions) if not verdict.ok
    ]
    if failed:
        return Judgement(Status.DEGRADED, clean_text("; ".join(failed)), "condition")
    limit = check.degraded_above_us
    if limit is not None and seen.duration_us > limit:
        took, allowed = describe_duration_ms(seen.duration_us / 1_000), describe_duration_ms(limit / 1_000)
        return Judgement(Status.DEGRADED, f"took {took}, limit {allowed}", "slow")
    return Judgement(Status.HEALTHY)


def clean_text(text: str) -> str:
    """One line that every store takes: no control characters, no half characters, of bounded length."""
    short = text[: MESSAGE_LENGTH + 1]
    if not short.isprintable():
        printable = "".join(character if character.isprintable() else " " for character in short)
        short = " ".join(printable.encode(errors="replace").decode().split())
    return short if len(short) <= MESSAGE_LENGTH else short[: MESSAGE_LENGTH - 3] + "..."

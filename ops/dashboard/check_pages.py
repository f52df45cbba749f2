"""What the pages of an entity and of a check show of checks and their results."""

from dataclasses import dataclass
from typing import Any

from core.clock import to_ms
from core.permissions import Principal
from core.templatetags.display import period_words
from ops.dashboard.strip import RESULTS, Strip, draw_strip
from ops.health.definition import definition_of
from ops.health.masking import mask_document
from ops.health.models import Check, Heartbeat
from ops.health.selectors import CheckRow, ResultRow, check_row, check_rows, recent_outcomes, recent_results

MAX_CHECKS = 100
SHOWN_RESULTS = 50


@dataclass(frozen=True, slots=True)
class CheckItem:
    check: CheckRow
    strip: Strip


@dataclass(frozen=True, slots=True)
class ResultItem:
    """A result with a key that keeps its table row through a morph."""

    key: int
    outcome: str
    started_at: Any
    duration_ms: float
    message: str


def read_entity_checks(*, principal: Principal, entity_id: int) -> list[CheckItem]:
    rows = check_rows(principal=principal, entity_ids=[entity_id], sort="name", limit=MAX_CHECKS).items
    last = {row.id: (to_ms(row.last_at), row.interval_ms) for row in rows if row.last_at is not None}
    outcomes = recent_outcomes(principal=principal, last_slots=last, limit=RESULTS)
    return [
        CheckItem(check=row, strip=draw_strip(outcomes.get(row.id, []), limit_ms=row.degraded_above_ms)) for row in rows
    ]


def read_check(*, principal: Principal, uid: str) -> dict[str, Any]:
    """The context of a check's page. Raises ``NotFound``."""
    row = check_row(principal=principal, uid=uid)
    results = recent_results(principal=principal, check_uid=uid, limit=SHOWN_RESULTS)
    return {
        "check": row,
        "facts": _facts(row, uid),
        "results": [_result(result) for result in results],
        "strip": draw_strip(results, limit_ms=row.degraded_above_ms),
        "definition": _definition(uid),
        "ping_id": Heartbeat.objects.filter(definition__uid=uid).values_list("ping_id", flat=True).first(),
    }


def _result(result: ResultRow) -> ResultItem:
    return ResultItem(
        key=to_ms(result.slot),
        outcome=result.outcome,
        started_at=result.started_at,
        duration_ms=result.duration_ms,
        message=result.message,
    )


def _facts(row: CheckRow, uid: str) -> list[tuple[str, str]]:
    """How the check is run. One that waits for signs of life has a period instead of an interval."""
    definition = definition_of(Check.objects.get(uid=uid))
    expectation = definition.check_kind.expectation(definition.config)
    if expectation is None:
        facts = [("Every", period_words(row.interval_ms)), ("Timeout", period_words(row.timeout_ms))]
        if row.degraded_above_ms:
            facts.append(("Degraded above", period_words(row.degraded_above_ms)))
    else:
        facts = [("Period", period_words(expectation.period_ms)), ("Grace", period_words(expectation.grace_ms))]
    return [
        *facts,
        ("Unhealthy after", f"{row.failure_threshold} in a row"),
        ("Healthy after", f"{row.success_threshold} in a row"),
    ]


def _definition(uid: str) -> list[tuple[str, str]]:
    """What the check asks and expects, as name and value, without secrets. Of headers only the names are told."""
    check = Check.objects.get(uid=uid)
    lines = [("kind", check.kind)]
    for name, value in mask_document(check.config, kind=check.kind).items():
        if name == "headers" and isinstance(value, dict):
            value = ", ".join(value)  # noqa: PLW2901 - told instead of the value
        if value in (None, "", {}, []):
            continue
        lines.append((name.replace("_", " "), _text(value)))
    if check.conditions:
        lines.append(("healthy when", "\n".join(check.conditions)))
    if check.degraded_conditions:
        lines.append(("degraded unless", "\n".join(check.degraded_conditions)))
    if check.degraded_above_ms:
        lines.append(("degraded above", period_words(check.degraded_above_ms)))
    return lines


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)

"""Try a check before it is saved: one probe from the web process, judged as the engine would."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from core.durations import describe_duration_ms
from core.permissions import Principal
from ops.definitions.trials import try_once
from ops.health.checks.kind import CheckContext
from ops.health.conditions import Condition, Effort, parse_condition
from ops.health.conditions.tree import TIMES
from ops.health.definition import DEFINITIONS, CheckDefinition
from ops.health.domain import Thresholds
from ops.health.engine.definitions import PreparedCheck, ask_kind
from ops.health.engine.judging import Seen, Verdicts, evaluate, judge
from ops.health.engine.tracing import probe_trace
from ops.health.models import Check
from ops.health.selectors.members import member_standings
from ops.probing.body import Body
from ops.probing.excerpts import clean_text
from ops.probing.probe import Observation, ProbeContext, ProbeFailed
from ops.signals.domain import Status

EXCERPT_LENGTH = 2_000
EFFORT_SECONDS = 0.1
"""Of the processor, to evaluate the conditions and again to show what they saw."""


@dataclass(frozen=True, slots=True)
class ConditionTrial:
    """``shown`` is the condition with the value that was seen; one that ``degrades`` does not make it unhealthy."""

    text: str
    shown: str
    ok: bool
    degrades: bool


@dataclass(frozen=True, slots=True)
class Trial:
    """What one probe would have led to.

    ``phase`` is where it failed, as of a result. ``phases`` are in seconds. ``values`` maps placeholders to what
    was seen, as text; of ``BODY`` the first ``EXCERPT_LENGTH`` characters. ``conditions`` is empty when the probe
    failed.
    """

    outcome: Status
    message: str
    phase: str
    duration_us: int
    phases: Mapping[str, float]
    values: Mapping[str, str]
    conditions: tuple[ConditionTrial, ...]


def try_check(
    *, principal: Principal, entity_ref: str, definition: CheckDefinition, stored: Check | None = None
) -> Trial:
    """Probe once as ``definition`` says; ends within 5 s.

    ``stored`` is the check being edited: a mask then stands for its stored secret. Raises as ``try_once`` except
    ``ProbeFailed``, which is an outcome.
    """
    check = _prepare(definition)
    standings = member_standings(check.members)

    async def probe(definition: CheckDefinition, context: ProbeContext) -> Observation:
        with probe_trace(check) as trace:
            full = CheckContext(context.timeout_seconds, context.policy, trace.traceparent, standings)
            return await definition.kind.probe(definition.config, full)

    seen: Seen
    try:
        seen = try_once(
            DEFINITIONS,
            definition,
            probe,
            principal=principal,
            entity_ref=entity_ref,
            stored=stored,
            timeout_ms=definition.common.timeout,
        )
    except ProbeFailed as failed:
        seen = failed
    return _report(check, seen)


def _prepare(definition: CheckDefinition) -> PreparedCheck:
    common, kind = definition.common, definition.kind

    def parse(texts: tuple[str, ...]) -> tuple[Condition, ...]:
        return tuple(parse_condition(text, kind.placeholders) for text in texts)

    return PreparedCheck(
        check_id=0,
        uid="",
        name=common.name,
        entity_id=0,
        entity_name="",
        kind_name=kind.name,
        labels="",
        thresholds=Thresholds(1, 1),
        degraded_above_us=None if common.degraded_above is None else common.degraded_above * 1_000,
        kind=kind,
        config=definition.config,
        upside_down=common.upside_down,
        conditions=parse(common.conditions or kind.default_conditions),
        degraded_conditions=parse(common.degraded_conditions),
        **ask_kind(kind, definition.config),
    )


def _report(check: PreparedCheck, seen: Seen) -> Trial:
    values: dict[str, str] = {}
    phases: dict[str, float] = {}
    verdicts: Verdicts | None = None
    conditions: tuple[ConditionTrial, ...] = ()
    if isinstance(seen, Observation):
        verdicts = evaluate(check, seen, seconds=EFFORT_SECONDS)
        values = {name: _show(name, value) for name, value in seen.values.items()}
        phases = {name: seconds for name, seconds in seen.phases.items() if seconds > 0}
        conditions = tuple(_tried(check, seen, verdicts))
    judgement = judge(check, seen, verdicts)
    return Trial(judgement.outcome, judgement.message, judgement.phase, seen.duration_us, phases, values, conditions)


def _tried(check: PreparedCheck, seen: Observation, verdicts: Verdicts) -> Iterator[ConditionTrial]:
    effort = Effort(EFFORT_SECONDS)
    for items, found, degrades in (
        (check.conditions, verdicts.required, False),
        (check.degraded_conditions, verdicts.degraded, True),
    ):
        for item, verdict in zip(items, found, strict=True):
            shown = item.show(seen.values, effort) if verdict.ok else verdict.text
            yield ConditionTrial(item.text, clean_text(shown), verdict.ok, degrades)


def _show(name: str, value: object) -> str:
    if isinstance(value, Body):
        text = value.text[: EXCERPT_LENGTH + 1]
        shown = "".join(letter if letter.isprintable() or letter in "\n\t" else "\ufffd" for letter in text)
        return shown if len(shown) <= EXCERPT_LENGTH else shown[:EXCERPT_LENGTH] + "…"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name in TIMES and isinstance(value, (int, float)):
        return describe_duration_ms(value)
    return clean_text(str(value))

"""Try a check before it is saved: one probe from the web process, judged as the engine would, and nothing stored.

Probes run on a loop of this room's own thread, a few at a time, so that people who try out checks never take the
threads that serve everybody else. Every trial is audited: it sends something to a target on behalf of a person.
"""

import asyncio
import concurrent.futures
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import structlog
import uvloop
from django.db import transaction

from core.audit import record_action
from core.durations import describe_duration_ms
from core.egress import current_policy
from core.errors import Conflict, NotFound, RateLimited
from core.permissions import Permission, Principal
from entities.selectors import find_entity
from ops.health.checks.kind import CheckContext, MemberStanding
from ops.health.conditions import Condition, Effort, parse_condition
from ops.health.conditions.tree import TIMES
from ops.health.definition import CheckDefinition, keep_secrets, mask_document, parse_check
from ops.health.domain import Thresholds
from ops.health.engine.definitions import PreparedCheck, ask_kind
from ops.health.engine.judging import Seen, Verdicts, evaluate, judge
from ops.health.engine.probing import crashed
from ops.health.engine.tracing import probe_trace
from ops.health.models import Check
from ops.health.selectors.members import member_standings
from ops.probing.body import Body
from ops.probing.excerpts import clean_text
from ops.probing.probe import Observation, ProbeFailed
from ops.signals.domain import Status

log = structlog.get_logger(__name__)

TRIAL_SECONDS = 4.5
"""All the time of a probe: a page must end within 5 s."""
TRIALS_AT_ONCE = 3
"""In each web process; it serves eight requests at once by default."""
EXCERPT_LENGTH = 2_000
RETRY_AFTER_SECONDS = 3
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


def try_check(*, principal: Principal, entity_name: str, data: Mapping[str, Any], uid: str | None = None) -> Trial:
    """Probe once what ``data`` says, as ``parse_check`` takes it; ends within 5 s.

    ``uid`` is the check being edited: a mask in ``data`` then stands for its stored secret.

    Raises ``NotFound`` for the entity or the check, ``Conflict`` for a kind that waits for signs of life,
    ``RateLimited`` when ``TRIALS_AT_ONCE`` are under way, and as ``parse_check``.
    """
    principal.require(Permission.CATALOG_EDIT)
    entity = find_entity(entity_name)
    stored = _find_stored(uid, entity.pk) if uid else None
    definition = keep_secrets(parse_check(data), stored)
    if definition.config.presentation.waits:
        raise Conflict(f"A {definition.common.kind} waits for pings; there is nothing to try")
    with _slot():
        with transaction.atomic():
            record_action(
                principal=principal,
                action="check.try",
                target_type="check",
                target_uid=stored.uid if stored else "",
                target_name=f"{entity.name}/{definition.name}",
                after=mask_document(definition.brief_document(), kind=definition.common.kind),
            )
        check = _prepare(definition, entity_name=entity.name)
        seconds = min(definition.common.timeout / 1_000, TRIAL_SECONDS)
        seen = _run(check, seconds)
        if seconds < definition.common.timeout / 1_000:
            seen = _as_cut_short(seen)
        return _report(check, seen)


def _find_stored(uid: str, entity_id: int) -> Check:
    check = None if "\0" in uid else Check.objects.filter(uid=uid, entity=entity_id).first()
    if check is None:
        raise NotFound(f"There is no check {uid[:80]!r}")
    return check


def _prepare(definition: CheckDefinition, *, entity_name: str) -> PreparedCheck:
    common, kind = definition.common, definition.kind

    def parse(texts: tuple[str, ...]) -> tuple[Condition, ...]:
        return tuple(parse_condition(text, kind.placeholders) for text in texts)

    return PreparedCheck(
        check_id=0,
        uid="",
        name=common.name,
        entity_id=0,
        entity_name=entity_name,
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


_slots = threading.BoundedSemaphore(TRIALS_AT_ONCE)


@contextmanager
def _slot() -> Iterator[None]:
    if not _slots.acquire(blocking=False):
        raise RateLimited(
            f"{TRIALS_AT_ONCE} tests are running; try again in a moment", retry_after_seconds=RETRY_AFTER_SECONDS
        )
    try:
        yield
    finally:
        _slots.release()


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """Made by the first trial, hence after the server forked."""
    loop = uvloop.new_event_loop()
    threading.Thread(target=loop.run_forever, name="trials", daemon=True).start()
    return loop


def _run(check: PreparedCheck, seconds: float) -> Seen:
    running = asyncio.run_coroutine_threadsafe(_probe(check, seconds, member_standings(check.members)), _loop())
    try:
        return running.result(timeout=TRIAL_SECONDS + 0.3)
    except concurrent.futures.TimeoutError:
        running.cancel()
        return ProbeFailed("timeout", "the probe did not end in time", duration_us=round(TRIAL_SECONDS * 1e6))


async def _probe(check: PreparedCheck, seconds: float, standings: Mapping[str, MemberStanding]) -> Seen:
    assert check.kind is not None
    try:
        with probe_trace(check) as probe:
            context = CheckContext(seconds, current_policy(), probe.traceparent, standings)
            return await check.kind.probe(check.config, context)
    except ProbeFailed as failed:
        return failed
    except Exception as error:
        log.exception("health.trial_crashed", kind=check.kind_name)
        return crashed(error)


def _as_cut_short(seen: Seen) -> Seen:
    """A trial that ended before the check would have given up knows nothing of its outcome."""
    if isinstance(seen, ProbeFailed) and seen.phase == "timeout":
        seen.outcome = Status.UNKNOWN
    return seen


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

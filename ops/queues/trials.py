"""Try a queue before it is saved: one look from the web process, against its limits."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from core.clock import now_ms
from core.durations import describe_duration_ms
from core.permissions import Principal
from ops.definitions.trials import try_once
from ops.probing.excerpts import clean_text
from ops.probing.probe import ProbeContext, ProbeFailed
from ops.queues.definition import DEFINITIONS, QueueDefinition, limits_in
from ops.queues.domain import Limits, Sample, judge
from ops.queues.engine.looking import look_at, sample_of
from ops.queues.models import Queue
from ops.queues.sources.source import Reading
from ops.signals.domain import Status

_UNTOLD = "the source does not tell"
_LIMITS = (
    ("max_size", "size", "unhealthy over"),
    ("max_age_ms", "age", "unhealthy over"),
    ("min_consumers", "consumers", "unhealthy under"),
    ("warn_size", "size", "degraded over"),
    ("warn_age_ms", "age", "degraded over"),
)


@dataclass(frozen=True, slots=True)
class LimitTrial:
    """``field`` is that of the definition, ``shown`` the limit with what was seen. ``ok`` is None where the source
    does not tell what it takes to judge; one that ``degrades`` does not make the queue unhealthy.
    """

    field: str
    shown: str
    ok: bool | None
    degrades: bool


@dataclass(frozen=True, slots=True)
class QueueTrial:
    """What one look would have led to; how the queue grows, one look does not tell. ``reading`` is None when it could
    not be read; then ``message`` says why.
    """

    status: Status
    message: str
    duration_us: int
    reading: Reading | None = None
    limits: tuple[LimitTrial, ...] = ()


def try_queue(
    *, principal: Principal, entity_ref: str, definition: QueueDefinition, stored: Queue | None = None
) -> QueueTrial:
    """Look once as ``definition`` says; ends within 5 s.

    ``stored`` is the queue being edited: a mask then stands for its stored secret. Raises as ``try_once`` except
    ``ProbeFailed``, which is told.
    """
    started = time.monotonic()
    try:
        reading, duration_us = try_once(
            DEFINITIONS,
            definition,
            _look,
            principal=principal,
            entity_ref=entity_ref,
            stored=stored,
            timeout_ms=definition.common.timeout,
        )
    except ProbeFailed as failed:
        return QueueTrial(Status.UNKNOWN, clean_text(failed.message), round((time.monotonic() - started) * 1e6))
    sample, limits = sample_of(reading, at_ms=now_ms()), limits_in(definition.common)
    judgement = judge(sample, (), limits)
    return QueueTrial(judgement.status, judgement.message, duration_us, reading, tuple(_try(sample, limits)))


async def _look(definition: QueueDefinition, context: ProbeContext) -> tuple[Reading, int]:
    started = time.monotonic()
    reading = await look_at(definition.kind, definition.config, context)
    return reading, round((time.monotonic() - started) * 1e6)


def _try(sample: Sample, limits: Limits) -> Iterator[LimitTrial]:
    """Each limit that is set, judged for itself."""
    seen = {"size": f"{sample.size:,} waiting", "age": _age_words(sample), "consumers": _consumer_words(sample)}
    for name, measure, verdict in _LIMITS:
        limit, words = getattr(limits, name), seen[measure]
        if limit is None:
            continue
        only = replace(Limits(), **{name: limit})
        ok = None if words.startswith(_UNTOLD) else judge(sample, (), only).status is Status.HEALTHY
        spelt = describe_duration_ms(limit) if measure == "age" else f"{limit:,}"
        degrades = name.startswith("warn")
        yield LimitTrial(name.removesuffix("_ms"), f"{words}, {verdict} {spelt}", ok, degrades)


def _age_words(sample: Sample) -> str:
    if sample.oldest_age_ms is not None:
        return f"the oldest waits {describe_duration_ms(sample.oldest_age_ms)}"
    return f"{_UNTOLD} how long the oldest waits" if sample.size else "nothing waits"


def _consumer_words(sample: Sample) -> str:
    if sample.consumers is None:
        return f"{_UNTOLD} of consumers"
    return f"{sample.consumers:,} consumer{'' if sample.consumers == 1 else 's'}"

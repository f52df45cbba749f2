"""Try a source before it is saved: one look from the web process."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from core.permissions import Principal
from ops.breakers.definition import DEFINITIONS, SourceDefinition
from ops.breakers.domain import BreakerState
from ops.breakers.models import BreakerSource
from ops.breakers.sources.source import Seen
from ops.definitions.trials import try_once
from ops.probing.probe import ProbeFailed

SHOWN_MAX = 20


@dataclass(frozen=True, slots=True)
class SourceTrial:
    """What one look saw: the breakers by state, and the first ``SHOWN_MAX`` of them; ``failure`` says why nothing."""

    failure: str = ""
    duration_us: int = 0
    count: int = 0
    states: Sequence[tuple[BreakerState, int]] = ()
    seen: Sequence[Seen] = ()

    @property
    def word(self) -> str:
        return "unhealthy" if self.failure else "healthy"


def try_source(
    *, principal: Principal, entity_ref: str, definition: SourceDefinition, stored: BreakerSource | None = None
) -> SourceTrial:
    """Look once as ``definition`` says; ends within 5 s.

    ``stored`` is the source being edited: a mask then stands for its stored secret. Raises as ``try_once`` except
    ``ProbeFailed``, which is told.
    """
    started = time.monotonic()
    try:
        survey = try_once(
            DEFINITIONS,
            definition,
            lambda definition, context: definition.kind.look(definition.config, context),
            principal=principal,
            entity_ref=entity_ref,
            stored=stored,
            timeout_ms=definition.common.timeout,
        )
    except ProbeFailed as failed:
        return SourceTrial(failure=failed.message, duration_us=_since(started))
    counts = Counter(found.state for found in survey.seen)
    return SourceTrial(
        duration_us=_since(started),
        count=len(survey.seen),
        states=[(state, counts[state]) for state in BreakerState if counts[state]],
        seen=survey.seen[:SHOWN_MAX],
    )


def _since(started: float) -> int:
    """Microseconds."""
    return round((time.monotonic() - started) * 1e6)

"""Try a source before it is saved: one look from the web process, and nothing stored.

Every trial is audited: it sends something to a target on behalf of a person.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from core.audit import record_action
from core.permissions import Permission, Principal
from entities.selectors import find_entity
from ops.breakers.definition import keep_secrets, mask_document, parse_source
from ops.breakers.domain import BreakerState
from ops.breakers.models import BreakerSource
from ops.breakers.sources.source import Seen
from ops.probing.one_shot import ask_once
from ops.probing.probe import ProbeFailed
from ops.probing.stopped import why_stopped

SHOWN_MAX = 20


@dataclass(frozen=True, slots=True)
class SourceTrial:
    """What one look saw: the breakers by state, and the first ``SHOWN_MAX`` of them; ``failure`` says why nothing."""

    failure: str = ""
    count: int = 0
    states: Sequence[tuple[BreakerState, int]] = ()
    seen: Sequence[Seen] = ()


def try_source(
    *, principal: Principal, entity_ref: str, data: Mapping[str, Any], stored: BreakerSource | None = None
) -> SourceTrial:
    """Look once as ``data`` says, as ``parse_source`` takes it; ends within 5 s.

    ``stored`` is the source being edited: a mask in ``data`` then stands for its stored secret.

    Raises ``NotFound`` for the entity, ``RateLimited`` when too many are under way, and as ``parse_source``.
    """
    principal.require(Permission.CATALOG_EDIT)
    entity = find_entity(entity_ref)
    definition = keep_secrets(parse_source(data), stored)
    with transaction.atomic():
        record_action(
            principal=principal,
            action="breaker_source.try",
            target_type="breaker_source",
            target_uid=stored.uid if stored else "",
            target_name=f"{entity.name}/{definition.name}",
            after=mask_document(definition.brief_document(), kind=definition.kind.name),
        )
    if stopped := why_stopped(definition.targets):
        return SourceTrial(failure=stopped)
    seconds = definition.common.timeout / 1_000
    try:
        survey = ask_once(lambda context: definition.kind.look(definition.config, context), seconds=seconds)
    except ProbeFailed as failed:
        return SourceTrial(failure=failed.message)
    counts = Counter(found.state for found in survey.seen)
    return SourceTrial(
        count=len(survey.seen),
        states=[(state, counts[state]) for state in BreakerState if counts[state]],
        seen=survey.seen[:SHOWN_MAX],
    )

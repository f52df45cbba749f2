"""Try what people wrote before it is saved: one look from the web process, and nothing is stored.

Every trial is audited: it sends something to a target on behalf of a person.
"""

from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from django.db import transaction

from core.audit import record_action
from core.durations import describe_duration_ms
from core.errors import Conflict
from core.permissions import Permission, Principal
from entities.selectors import find_entity
from ops.definitions.definition import Definition, Definitions, Kind, Named
from ops.definitions.models import Defined
from ops.probing.one_shot import SECONDS_MAX, ask_in_turn, turn
from ops.probing.probe import ProbeContext, ProbeFailed
from ops.probing.stopped import why_stopped
from ops.signals.domain import Status

log = structlog.get_logger(__name__)


def try_once[C: Named, K: Kind, R: Defined, T](
    definitions: Definitions[C, K, R],
    definition: Definition[C, K],
    look: Callable[[Definition[C, K], ProbeContext], Coroutine[Any, Any, T]],
    *,
    principal: Principal,
    entity_ref: str,
    stored: R | None,
    timeout_ms: int,
) -> T:
    """What ``look`` returns, given the definition with the secrets that it keeps of ``stored``, which it edits.

    It ends within 5 s.

    Raises ``ProbeFailed`` as ``look`` does, when the time is over, and for a target that is not to be called now;
    ``NotFound`` for the entity, ``Conflict`` for a kind that never looks, ``RateLimited`` while others are tried, and
    as ``keep_secrets``.
    """
    principal.require(Permission.CATALOG_EDIT)
    entity = find_entity(entity_ref)
    definition = definitions.keep_secrets(definition, stored)
    if definition.config.presentation.waits:
        raise Conflict(f"A {definition.kind.name} waits for pings; there is nothing to try")

    async def make(context: ProbeContext) -> T:
        try:
            return await look(definition, context)
        except ProbeFailed:
            raise
        except Exception as error:
            log.exception("probing.trial_crashed", kind=definition.kind.name)
            message = f"the look itself failed: {type(error).__name__}"
            raise ProbeFailed("crash", message, outcome=Status.UNKNOWN) from None

    with turn():
        with transaction.atomic():
            record_action(
                principal=principal,
                action=f"{definitions.target}.try",
                target_type=definitions.target,
                target_uid=stored.uid if stored else "",
                target_name=f"{entity.name}/{definition.name}",
                after=definitions.mask_document(definition.brief_document(), kind=definition.kind.name),
            )
        if stopped := why_stopped(definition.targets):
            raise ProbeFailed("circuit", stopped, outcome=Status.UNKNOWN)
        try:
            return ask_in_turn(make, seconds=timeout_ms / 1_000)
        except ProbeFailed as failed:
            if failed.phase == "timeout" and timeout_ms > SECONDS_MAX * 1_000:
                raise _cut_short(failed, timeout_ms) from None
            raise


def _cut_short(failed: ProbeFailed, timeout_ms: int) -> ProbeFailed:
    """A trial that ended before a look would have given up knows nothing of what comes of it."""
    times = f"a test has {SECONDS_MAX:g} s, a look once it is saved {describe_duration_ms(timeout_ms)}"
    return ProbeFailed("timeout", f"{failed.message}; {times}", duration_us=failed.duration_us, outcome=Status.UNKNOWN)

"""Whether a target may be called at all, for a single call that an operator asked for."""

from collections.abc import Sequence

import structlog

from core.breaker.machine import BreakerState
from core.breaker.registry import own_storage
from core.breaker.storage import Operation, StorageLost
from core.egress import Endpoint
from ops.probing.guarding import FAMILY, POLICY, name_of

log = structlog.get_logger(__name__)

_WHY = {BreakerState.FORCED_OPEN: "an operator has stopped calls to", BreakerState.OPEN: "calls fail too often of"}


def why_stopped(targets: Sequence[Endpoint]) -> str:
    """Why the first of them is not to be called; empty when all may be. Nobody knows while the store is lost."""
    try:
        standings = own_storage().run([Operation(f"{FAMILY}:{name_of(target)}", POLICY) for target in targets])
    except StorageLost as error:
        log.warning("probing.breaker_store_lost", error=str(error))
        return ""
    for target, standing in zip(targets, standings, strict=True):
        if standing.state in _WHY:
            return f"not asked: {_WHY[standing.state]} {name_of(target)}: {standing.reason}"
    return ""

"""What our own breakers did, told to the log, the metrics and the pages."""

import structlog
from celery import shared_task

from core.breaker.machine import BreakerState
from core.breaker.registry import FAMILIES, family_of, own_storage, policy_of
from core.breaker.storage import Operation, StorageLost, Transition
from core.revision import changing, mark_changed
from core.telemetry.metrics import BREAKER_TRANSITIONS

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 500


@shared_task(name="breakers.tell_own_transitions", soft_time_limit=10, time_limit=15)  # type: ignore[untyped-decorator]
def tell_own_transitions() -> None:
    """Each transition is told once, in the order of the store. Commands end in time, whoever asks for their target."""
    storage = own_storage()
    try:
        storage.run([Operation(name, policy_of(name)) for name in sorted(storage.forced_open())[:MOST_AT_ONCE]])
        transitions = storage.take_transitions(MOST_AT_ONCE)
    except StorageLost as error:
        log.warning("breakers.own_store_lost", error=str(error))
        return
    for transition in transitions:
        _tell(transition)
    if transitions:
        with changing():
            mark_changed()


def _tell(transition: Transition) -> None:
    family = family_of(transition.name)
    # A name of another program's family would be a label without a bound.
    BREAKER_TRANSITIONS.labels(family if family in FAMILIES else "other", transition.after.value).inc()
    level = log.warning if transition.after is BreakerState.OPEN else log.info
    level(
        "breakers.own_turned",
        breaker=transition.name,
        before=transition.before.value,
        after=transition.after.value,
        reason=transition.reason,
        at_ms=transition.at_ms,
    )

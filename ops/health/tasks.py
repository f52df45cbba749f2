"""Wake-ups of the engine. They carry no arguments: what is due stands in the database."""

from functools import cache

import structlog
from celery import shared_task
from kombu.exceptions import OperationalError as BrokerError

from core.breaker.registry import own_storage
from core.pulse import record_pulse
from ops.health import exposition, partitions, retention, rollup
from ops.health.engine.breakers import EngineBreakers
from ops.health.engine.claim import CHECKS
from ops.health.engine.clock_watch import watch_clock
from ops.health.engine.connectivity import process_guard
from ops.health.engine.probing import process_prober
from ops.health.engine.spine import BATCH, TURN_SECONDS, Engine
from ops.sampling.seats import Seats, all_but_others, is_only_process
from ops.sampling.shutdown import is_shutting_down

log = structlog.get_logger(__name__)

MOST_WAKE_UPS = 8
WAKE_UP_EXPIRES_SECONDS = 5
SEATS = Seats(all_but_others)
SHORT_TURN_SECONDS = 5.0
"""The turn of an engine in a worker of one process, which must get to its other tasks as well."""


@cache
def _process_engine() -> Engine:
    shared = is_only_process()
    return Engine(
        process_prober(),
        should_stop=is_shutting_down,
        turn_seconds=SHORT_TURN_SECONDS if shared else TURN_SECONDS,
        keeps_in_flight=shared,
        guard=process_guard(),
        breakers=EngineBreakers(own_storage()),
    )


@shared_task(name="health.tick", soft_time_limit=20, time_limit=30)  # type: ignore[untyped-decorator]
def tick() -> None:
    """Give a sign of life, count what is due, and send one wake-up for every 200."""
    watch_clock()
    record_pulse("worker")
    due = CHECKS.count_due(limit=BATCH * MOST_WAKE_UPS)
    for _ in range(-(-due // BATCH)):
        try:
            run_due_checks.apply_async(expires=WAKE_UP_EXPIRES_SECONDS)
        except (BrokerError, OSError) as error:
            log.warning("health.wake_up_failed", error=str(error), due=due)
            break
    if (guard := process_guard()) is not None:
        guard.tell()


@shared_task(  # type: ignore[untyped-decorator]
    name="health.run_due_checks", soft_time_limit=TURN_SECONDS + 30, time_limit=TURN_SECONDS + 60
)
def run_due_checks() -> None:
    """Run the engine until nothing is due, unless enough other processes of this worker are at it already."""
    with SEATS.take() as seated:
        if not seated:
            return
        summary = _process_engine().run_due_checks()
    if summary.committed or summary.discarded or summary.released:
        log.debug(
            "health.run_finished",
            committed=summary.committed,
            discarded=summary.discarded,
            released=summary.released,
        )


@shared_task(name="health.roll_up", soft_time_limit=60, time_limit=90)  # type: ignore[untyped-decorator]
def roll_up() -> None:
    if steps := rollup.roll_up():
        log.debug("health.rolled_up", steps=steps)


@shared_task(name="health.prune_results", soft_time_limit=300, time_limit=330)  # type: ignore[untyped-decorator]
def prune_results() -> None:
    """Of history what is over its horizon, and room for the days to come."""
    made, dropped = partitions.keep_partitions()
    deleted = retention.prune_history()
    exposition.forget_missing_checks()
    log.info("health.results_pruned", deleted=deleted, partitions_made=made, partitions_dropped=dropped)

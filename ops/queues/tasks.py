"""Wake-ups of the sampling of queues. They carry no arguments: what is due stands in the database."""

import structlog
from celery import shared_task
from celery.signals import worker_process_init

from ops.queues.engine.sampling import QUEUES, process_sampler
from ops.queues.engine.task_listening import start_listening
from ops.queues.retention import prune_queues
from ops.sampling.sampler import TURN_SECONDS
from ops.sampling.seats import Seats, is_crowded
from ops.sampling.shutdown import is_shutting_down

log = structlog.get_logger(__name__)

SHORT_TURN_SECONDS = 5.0
"""The turn in a worker of few processes, which must get to its other tasks as well."""
SEATS = Seats(lambda: 1)

worker_process_init.connect(start_listening, weak=False)


@shared_task(  # type: ignore[untyped-decorator]
    name="queues.sample", soft_time_limit=TURN_SECONDS + 30, time_limit=TURN_SECONDS + 60
)
def sample() -> None:
    """Look at what is due, unless nothing is or another process of this worker is at it already."""
    if not QUEUES.count_due(limit=1):
        return
    with SEATS.take() as seated:
        if not seated:
            return
        crowded = is_crowded()
        looks = process_sampler().run_due(
            should_stop=is_shutting_down,
            turn_seconds=SHORT_TURN_SECONDS if crowded else TURN_SECONDS,
            keeps_in_flight=crowded,
        )
    if looks:
        log.debug("queues.sampled", looks=looks)


@shared_task(name="queues.prune", soft_time_limit=300, time_limit=330)  # type: ignore[untyped-decorator]
def prune() -> None:
    log.info("queues.pruned", rows=prune_queues())

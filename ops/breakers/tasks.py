"""Work that happens away from the requests: looking at sources, noting silence, and keeping to the bounds."""

from functools import cache

import structlog
from celery import shared_task

from core.breaker.registry import own_storage
from core.clock import database_now_ms
from core.egress import current_policy
from ops.breakers.retention import prune_breakers
from ops.breakers.sampling import SCHEDULE, BreakerSampling, ReadySource, target_of
from ops.breakers.sources.source import Survey
from ops.breakers.store import silence_stale
from ops.probing.guarding import TargetBreakers
from ops.sampling.sampler import Sampler
from ops.sampling.seats import Seats, is_crowded
from ops.sampling.shutdown import is_shutting_down

log = structlog.get_logger(__name__)

TURN_SECONDS = 20.0
"""Longer than any source may take: what a turn gives back was not looked at."""
SHORT_TURN_SECONDS = 5.0
"""The turn in a worker of few processes, which must get to its other tasks as well."""
SEATS = Seats(lambda: 1)


@cache
def _process_sampler() -> Sampler[ReadySource, Survey]:
    return Sampler(BreakerSampling(), current_policy(), target=target_of, breakers=TargetBreakers(own_storage()))


@shared_task(name="breakers.sample", soft_time_limit=40, time_limit=60)  # type: ignore[untyped-decorator]
def sample() -> None:
    """Note silence, then look at what is due; while something is in flight, at what becomes due as well."""
    if silent := silence_stale(now_ms=database_now_ms()):
        log.info("breakers.silent", instances=silent)
    if not SCHEDULE.count_due(limit=1):
        return
    with SEATS.take() as seated:
        if not seated:
            return
        crowded = is_crowded()
        looked = _process_sampler().run_due(
            should_stop=is_shutting_down,
            turn_seconds=SHORT_TURN_SECONDS if crowded else TURN_SECONDS,
            keeps_in_flight=crowded,
        )
    if looked:
        log.debug("breakers.sampled", sources=looked)


@shared_task(name="breakers.prune", soft_time_limit=300, time_limit=330)  # type: ignore[untyped-decorator]
def prune() -> None:
    log.info("breakers.pruned", rows=prune_breakers(now_ms=database_now_ms()))

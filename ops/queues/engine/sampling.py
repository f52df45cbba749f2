"""Queues as the rolling sampler sees them."""

from collections.abc import Mapping, Sequence
from functools import cache

from core.breaker.registry import own_storage
from core.egress import Endpoint, current_policy
from ops.probing.guarding import TargetBreakers
from ops.probing.probe import ProbeContext, ProbeFailed
from ops.queues.engine.commit import QueueLook, commit_looks
from ops.queues.engine.looking import look_at
from ops.queues.prepared import PreparedQueue, PreparedQueues
from ops.queues.sources.source import Reading
from ops.sampling.sampler import Sampler
from ops.scheduling.claim import Schedule, Slot

QUEUES = Schedule("ops_queuestate", "queue_id", rest=("definition_version",))


class SampledQueues:
    """See ``ops.sampling.sampler.Sampled``."""

    name = "queues"
    schedule = QUEUES

    def __init__(self) -> None:
        self._prepared = PreparedQueues()

    def load(self, slots: Sequence[Slot]) -> Mapping[int, PreparedQueue]:
        return self._prepared.of(slots)

    async def look(self, source: PreparedQueue, context: ProbeContext) -> Reading:
        if source.source is None or source.defect:
            raise ProbeFailed("config", source.defect)
        return await look_at(source.source, source.config, context)

    def commit(self, samples: Sequence[QueueLook]) -> None:
        commit_looks(self.schedule, samples)


def _target_of(queue: PreparedQueue) -> Endpoint | None:
    if queue.source is None or queue.defect:
        return None
    return next(iter(queue.source.targets(queue.config)), None)


@cache
def process_sampler() -> Sampler[PreparedQueue, Reading]:
    """The one of this process, made by its first task, hence after the worker forked."""
    return Sampler(SampledQueues(), current_policy(), target=_target_of, breakers=TargetBreakers(own_storage()))

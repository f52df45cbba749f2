"""One look at a queue: what its source says, as far as it can be true."""

from typing import Any

from ops.probing.probe import ProbeContext, ProbeFailed
from ops.queues.domain import Sample
from ops.queues.sources.source import QueueSource, Reading

_COUNTS = ("size", "consumers", "unacked", "scheduled", "dead", "added", "removed")
_COUNT_MAX = 10**15
_AGE_MAX_SECONDS = 10**10


async def look_at(source: QueueSource, config: Any, context: ProbeContext) -> Reading:
    """Raises ``ProbeFailed``; ends by itself within the context's time."""
    reading = await source.read(config, context)
    _refuse_nonsense(reading)
    return reading


def sample_of(reading: Reading, *, at_ms: int) -> Sample:
    age = reading.oldest_age_seconds
    oldest_age_ms = None if age is None else max(0, round(age * 1_000))
    return Sample(at_ms, reading.size, oldest_age_ms, reading.consumers, reading.added, reading.removed)


def _refuse_nonsense(reading: Reading) -> None:
    """What a peer says must fit into a row: one that lies must not keep those that it is committed with from theirs.

    Raises ``ProbeFailed``.
    """
    for name in _COUNTS:
        count = getattr(reading, name)
        if count is not None and not 0 <= count <= _COUNT_MAX:
            raise ProbeFailed("receive", f"{name} is told to be {str(count)[:40]}")
    age = reading.oldest_age_seconds
    if age is not None and not -_AGE_MAX_SECONDS <= age <= _AGE_MAX_SECONDS:  # nor is NaN
        raise ProbeFailed("receive", f"the oldest age is told to be {str(age)[:40]} s")

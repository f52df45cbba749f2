"""The wake-ups of the worker."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from core.clock import database_now_ms
from core.egress import current_policy
from ops.queues import tasks
from ops.queues.engine.sampling import SampledQueues, process_sampler
from ops.queues.models import Queue, QueueState
from ops.queues.sources.source import Reading
from ops.sampling.sampler import Sampler
from tests.ops.queues.list_source import ReadOnlySource
from tests.services import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _own_sampler() -> Iterator[None]:
    yield
    process_sampler().close()
    process_sampler.cache_clear()


def test_one_wake_up_looks_at_all_that_is_due(make_queue: Callable[..., Queue], told: ReadOnlySource) -> None:
    told.says = Reading(size=3)
    for name in ("a", "b", "c"):
        make_queue(name)
    QueueState.objects.update(next_due_ms=database_now_ms())

    tasks.sample()

    assert list(QueueState.objects.values_list("size", flat=True)) == [3, 3, 3]
    tasks.sample()
    tasks.prune()


def test_a_source_that_hangs_holds_up_no_other_and_no_turn(
    make_queue: Callable[..., Queue], told: ReadOnlySource
) -> None:
    hung = make_queue("hung", timeout="20s")
    make_queue("fine")
    QueueState.objects.update(next_due_ms=database_now_ms())
    answers = asyncio.Event()
    calls = 0

    async def read(_config: object, _context: object) -> Reading:
        nonlocal calls
        calls += 1
        if calls == 1:
            await answers.wait()
        return Reading(size=calls)

    told.read = read  # type: ignore[assignment, method-assign]
    sampler = Sampler(SampledQueues(), current_policy())
    first = sampler.run_due(turn_seconds=0.5, keeps_in_flight=True)

    assert first <= 1
    wait_for(lambda: sampler.run_due(turn_seconds=0.1, keeps_in_flight=True) or _seen() == 1, seconds=30)
    sampler._loop.call_soon_threadsafe(answers.set)
    wait_for(lambda: sampler.run_due(turn_seconds=0.1, keeps_in_flight=True) or _seen() == 2, seconds=30)
    sampler.close()
    assert hung.pk in QueueState.objects.exclude(size=None).values_list("pk", flat=True)


def _seen() -> int:
    return QueueState.objects.exclude(size=None).count()

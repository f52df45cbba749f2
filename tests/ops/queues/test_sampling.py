"""From a claimed slot to a row that says how the queue stands."""

from collections.abc import Callable

import pytest

from core.clock import database_now_ms
from core.revision import current_revision
from ops.journal.models import JournalEntry
from ops.probing.probe import ProbeFailed
from ops.queues.models import Queue, QueueRollup, QueueSample, QueueState
from ops.signals.domain import Status
from tests.ops.queues.list_source import KIND, UNREACHABLE, ReadOnlySource

pytestmark = pytest.mark.django_db(transaction=True)

See = Callable[..., QueueState]


def test_a_list_on_redis_is_read_judged_and_stored(
    make_queue: Callable[..., Queue], look: Callable[[], int], push: Callable[..., str], valkey_port: int
) -> None:
    queue = make_queue(kind=KIND, port=valkey_port, key="emails", max_size=2, max_age="5m")
    for age in (360, 10, 1):
        push("emails", age_seconds=age)

    assert look() == 1

    state = QueueState.objects.get()
    assert (state.status, state.size, state.dead) == (Status.UNHEALTHY, 3, 0)
    assert state.message == "3 waiting, limit 2; the oldest waits 6 min, limit 5 min"
    assert 360_000 <= (state.oldest_age_ms or 0) < 420_000
    sample = QueueSample.objects.get(queue_id=queue.pk)
    assert (sample.size, sample.at_ms) == (3, state.seen_at_ms)
    assert JournalEntry.objects.filter(kind="queue.status", before="unknown", after="unhealthy").count() == 1


def test_what_cannot_be_read_is_unknown_and_keeps_what_was_seen(
    make_queue: Callable[..., Queue], see: See, told: ReadOnlySource, look: Callable[[], int]
) -> None:
    make_queue()
    see(size=7)
    told.says = UNREACHABLE
    look()

    state = QueueState.objects.get()
    assert (state.status, state.message, state.size) == (Status.UNKNOWN, "connection refused", 7)
    assert QueueSample.objects.count() == 1


def test_a_queue_whose_source_is_not_installed_says_so(
    make_queue: Callable[..., Queue], look: Callable[[], int]
) -> None:
    Queue.objects.filter(pk=make_queue().pk).update(kind="gone")

    look()

    assert QueueState.objects.get().message == "there is no queue source gone"


@pytest.mark.parametrize(
    "seen",
    [
        {"size": -1},
        {"size": 10**30},
        {"size": 1, "added": -5},
        {"size": 1, "dead": 2**63},
        {"size": 1, "oldest_age_seconds": float("nan")},
        {"size": 1, "oldest_age_seconds": float("inf")},
        {"size": 1, "oldest_age_seconds": float("-inf")},
    ],
)
def test_a_source_that_lies_is_not_believed(make_queue: Callable[..., Queue], see: See, seen: dict[str, float]) -> None:
    make_queue()

    state = see(**seen)

    assert (state.status, state.size) == (Status.UNKNOWN, None)
    assert "told to be" in state.message


def test_a_clock_ahead_of_ours_makes_no_negative_age(make_queue: Callable[..., Queue], see: See) -> None:
    make_queue()

    assert see(size=1, oldest_age_seconds=-30).oldest_age_ms == 0


def test_a_source_that_crashes_or_says_hostile_things_harms_nobody(
    make_queue: Callable[..., Queue], told: ReadOnlySource, look: Callable[[], int]
) -> None:
    make_queue()
    told.says = ZeroDivisionError()
    look()
    assert QueueState.objects.get().message == "the look itself failed: ZeroDivisionError"
    told.says = ProbeFailed("receive", f"refused:\x00\x1b[31m \ud800 {'x' * 9_000}")
    look()

    message = QueueState.objects.get().message
    assert message.startswith("refused: [31m")
    assert message.isprintable()
    assert len(message) <= 500


def test_pages_learn_of_another_status_and_not_of_another_number(make_queue: Callable[..., Queue], see: See) -> None:
    make_queue(max_size=5)
    see(size=1)
    before = current_revision()

    see(size=2)
    assert current_revision() == before
    see(size=9)
    assert current_revision() > before
    before = current_revision()
    see(size=10)
    assert current_revision() == before


def test_the_samples_of_five_minutes_are_rolled_up_as_they_come(make_queue: Callable[..., Queue], see: See) -> None:
    make_queue()
    for size, age in ((4, None), (1, 2.5), (7, 1.0)):
        see(size=size, oldest_age_seconds=age)

    rows = list(QueueRollup.objects.order_by("start_ms"))
    assert sum(row.samples for row in rows) == 3
    assert (min(row.size_min for row in rows), max(row.size_max for row in rows)) == (1, 7)
    assert sum(row.size_sum for row in rows) == 12
    assert max(row.oldest_age_max_ms or 0 for row in rows) == 2_500


def test_a_slot_that_was_taken_over_stores_nothing(
    make_queue: Callable[..., Queue], told: ReadOnlySource, look: Callable[[], int]
) -> None:
    make_queue()
    read = told.read

    async def overtaken(*arguments: object) -> object:
        from asgiref.sync import sync_to_async

        await sync_to_async(QueueState.objects.update)(fence=99)
        return await read(*arguments)  # type: ignore[arg-type]

    told.read = overtaken  # type: ignore[assignment]
    look()

    assert not QueueSample.objects.exists()
    assert QueueState.objects.get().last_at_ms is None


def test_rates_come_from_counters_or_from_what_sizes_show(make_queue: Callable[..., Queue], see: See) -> None:
    make_queue()
    assert see(size=5, added=100, removed=95).rate_in is None
    QueueSample.objects.update(at_ms=database_now_ms() - 20_000)
    state = see(size=7, added=110, removed=103)

    assert state.rate_in is not None
    assert state.rate_out is not None
    assert state.rate_in > state.rate_out > 0


def test_a_queue_that_went_is_not_looked_at(make_queue: Callable[..., Queue], look: Callable[[], int]) -> None:
    make_queue().delete()

    assert look() == 0

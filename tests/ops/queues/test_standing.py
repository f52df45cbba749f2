"""How queues count: for their entity, in totals, in series; and what happens when looks stop coming."""

from collections.abc import Callable

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from core.clock import database_now_ms
from core.permissions import Principal
from core.revision import current_revision
from entities.domain import Lifecycle
from entities.models import Entity
from entities.services import delete_entity, update_entity
from ops.queues import selectors
from ops.queues.exposition import forget_rendered, render_queue_series
from ops.queues.models import Queue, QueueRollup, QueueSample, QueueState
from ops.queues.retention import prune_queues
from ops.queues.selectors import QueueSignals
from ops.queues.services import pause_queue, resume_queue, update_queue
from ops.signals.domain import Signal, Status, worst_standings
from ops.statuses.changes import has_changed
from ops.statuses.selectors import entity_statuses
from tests.ops.queues.list_source import KIND, ReadOnlySource

pytestmark = pytest.mark.django_db(transaction=True)

HOUR_MS = 3_600_000

type Make = Callable[..., Queue]
type See = Callable[..., QueueState]


def go_stale() -> int:
    """What is known was believed until an hour ago; that moment."""
    until = database_now_ms() - HOUR_MS
    QueueState.objects.update(fresh_until_ms=until)
    return until


def test_the_worst_queue_speaks_for_its_entity(make_queue: Make, see: See, shop: Entity, viewer: Principal) -> None:
    make_queue(max_size=5)
    see(size=9)

    now = database_now_ms()
    assert worst_standings(QueueSignals().told(now))[shop.pk].severity == Status.UNHEALTHY
    [reason] = QueueSignals().reasons([shop.pk], now)
    assert (reason.signal, reason.name, reason.message) == (Signal.QUEUE, "emails", "9 waiting, limit 5")
    status = entity_statuses([shop.pk])[shop.pk]
    assert (status.status, status.reasons[0].name) == ("unhealthy", "emails")


def test_when_looks_stop_coming_it_is_unknown_since_then(
    make_queue: Make, see: See, shop: Entity, viewer: Principal
) -> None:
    queue = make_queue(max_size=5)
    see(size=9)
    until = go_stale()

    row = selectors.queue_row(principal=viewer, uid=queue.uid)
    assert (row.status, row.message, row.size) == ("unknown", "looks stopped coming", 9)
    now = database_now_ms()
    assert worst_standings(QueueSignals().told(now))[shop.pk] == (Status.UNKNOWN, until)
    assert has_changed(f"{current_revision()}.{until - 1}")
    assert not has_changed(f"{current_revision()}.{until + 1}")
    assert selectors.queue_totals(principal=viewer).waiting == 0
    state = see(size=9)
    assert state.status == Status.UNHEALTHY
    assert (state.since_ms or 0) > until


def test_totals_count_what_is_known(make_queue: Make, see: See, viewer: Principal) -> None:
    assert selectors.queue_totals(principal=viewer) == selectors.QueueTotals({}, 0, ())
    make_queue()
    see(size=9)

    totals = selectors.queue_totals(principal=viewer)

    assert (totals.counts, totals.waiting, totals.total) == ({"healthy": 1}, 9, 1)
    assert sum(totals.trend[-2:]) == 9
    assert selectors.newest_sample_ms() > 0


def test_the_trend_of_a_row_is_that_of_the_last_minutes(make_queue: Make, see: See, viewer: Principal) -> None:
    queue = make_queue()
    see(size=9, oldest_age_seconds=1.5)

    row = selectors.queue_row(principal=viewer, uid=queue.uid)

    assert [value for value in row.depth_trend if value is not None] == [9]
    assert [value for value in row.age_trend if value is not None] == [1.5]
    assert len(row.depth_trend) == len(row.age_trend) == 30


def test_a_paused_queue_is_not_looked_at(
    make_queue: Make, see: See, look: Callable[[], int], editor: Principal, shop: Entity
) -> None:
    queue = make_queue(max_size=5)
    see(size=9)
    pause_queue(principal=editor, uid=queue.uid)

    assert look() == 0
    row = selectors.queue_row(principal=editor, uid=queue.uid)
    assert (row.status, row.message, row.is_paused) == ("paused", "paused", True)
    assert entity_statuses([shop.pk])[shop.pk].status == "paused"
    resume_queue(principal=editor, uid=queue.uid)
    assert selectors.queue_row(principal=editor, uid=queue.uid).status == "unknown"
    assert look() == 1


@pytest.mark.parametrize(
    ("changes", "is_other"),
    [({"key": "bills"}, True), ({"kind": "test-told"}, True), ({"max_size": 9, "name": "letters"}, False),
     ({"password": "other"}, False)],
)  # fmt: skip
@pytest.mark.parametrize("paused", [False, True])
def test_of_another_source_nothing_is_known_until_it_was_looked_at(
    make_queue: Make, editor: Principal, changes: dict[str, object], is_other: bool, paused: bool
) -> None:
    queue = make_queue(kind=KIND, port=1, key="emails", password="hush")
    seen = {"last_at_ms": 5, "seen_at_ms": 5, "size": 9, "oldest_age_ms": 7, "consumers": 3, "unacked": 2, "dead": 1}
    now = database_now_ms()
    QueueState.objects.update(status=Status.UNHEALTHY, fresh_until_ms=now + HOUR_MS, scheduled=1, **seen)
    QueueSample.objects.create(queue_id=queue.pk, at_ms=now - 120_000, size=9)
    if paused:
        pause_queue(principal=editor, uid=queue.uid)

    update_queue(principal=editor, uid=queue.uid, changes=changes)

    row = selectors.queue_row(principal=editor, uid=queue.uid)
    figures = (row.size, row.oldest_age_seconds, row.consumers, row.unacked, row.scheduled, row.dead)
    assert figures == ((None,) * 6 if is_other else (9, 0.007, 3, 2, 1, 1))
    assert (row.last_at is None, row.seen_at is None) == (is_other, is_other)
    assert any(row.depth_trend) is not is_other
    if paused or is_other:
        assert row.status == ("paused" if paused else "unknown")
    if is_other and not paused:
        assert row.message == "not looked at yet"


def test_growth_and_rates_begin_anew_with_another_source(
    make_queue: Make, see: See, told: ReadOnlySource, editor: Principal
) -> None:
    queue = make_queue(max_size=1_000)
    now = database_now_ms()
    QueueSample.objects.bulk_create(
        QueueSample(queue_id=queue.pk, at_ms=now - 270_000 + 30_000 * step, size=100 * step) for step in range(8)
    )
    assert see(size=820).rate_in is not None
    for changes in ({"kind": KIND, "port": 1, "key": "emails"}, {"kind": told.name}):
        update_queue(principal=editor, uid=queue.uid, changes=changes)

    state = see(size=900)
    assert (state.status, state.rate_in, state.rate_out, state.breach_in_ms) == (Status.HEALTHY, None, None, None)
    assert QueueSample.objects.count() == 10


def test_an_inactive_entity_stops_its_queues_and_a_deleted_one_takes_them(
    make_queue: Make, look: Callable[[], int], editor: Principal, shop: Entity
) -> None:
    make_queue()
    update_entity(principal=editor, ref="shop", changes={"lifecycle": Lifecycle.INACTIVE.value})
    assert look() == 0
    update_entity(principal=editor, ref="shop", changes={"lifecycle": Lifecycle.ACTIVE.value})
    assert look() == 1
    delete_entity(principal=editor, ref="shop")

    assert not Queue.objects.exists()
    assert not QueueState.objects.exists()
    assert prune_queues() == 2
    assert not QueueSample.objects.exists()
    assert not QueueRollup.objects.exists()


def test_what_is_over_its_horizon_goes(make_queue: Make, see: See) -> None:
    queue = make_queue()
    see(size=1)
    old = database_now_ms() - 400 * 24 * HOUR_MS
    QueueSample.objects.create(queue_id=queue.pk, at_ms=old, size=1)
    QueueRollup.objects.create(
        queue_id=queue.pk, start_ms=old, samples=1, size_min=1, size_max=1, size_sum=1, oldest_age_max_ms=None
    )

    assert prune_queues() == 2
    assert QueueSample.objects.count() == QueueRollup.objects.count() == 1


def test_long_times_are_told_by_five_minutes(make_queue: Make, see: See, viewer: Principal) -> None:
    queue = make_queue()
    see(size=4)
    now = database_now_ms()

    looks = selectors.queue_samples(principal=viewer, uid=queue.uid, since_ms=now - HOUR_MS, until_ms=now + 2_000)
    rolled = selectors.queue_samples(
        principal=viewer, uid=queue.uid, since_ms=now - 100 * 24 * HOUR_MS, until_ms=now + 2_000
    )

    assert (looks.step_seconds, [point.size for point in looks.points]) == (0, [4])
    assert (rolled.step_seconds, [point.size for point in rolled.points]) == (300, [4])


def test_series_tell_the_figures_of_what_is_known(make_queue: Make, see: See) -> None:
    assert render_queue_series() == b""
    make_queue(max_size=5)
    see(size=9, oldest_age_seconds=1.5, consumers=None)
    forget_rendered()

    lines = render_queue_series().decode().splitlines()

    assert 'quarterdeck_queue_size{entity="shop",queue="emails"} 9' in lines
    assert 'quarterdeck_queue_oldest_age_seconds{entity="shop",queue="emails"} 1.5' in lines
    assert 'quarterdeck_queue_status{entity="shop",queue="emails"} 3' in lines
    assert not any(line.startswith("quarterdeck_queue_consumers{") for line in lines)
    go_stale()
    forget_rendered()
    lines = render_queue_series().decode().splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        'quarterdeck_queue_status{entity="shop",queue="emails"} 1'
    ]


def test_the_newest_look_is_found_without_reading_every_queue(make_queue: Make) -> None:
    """Every poll of a page asks for it."""
    make_queue()
    with CaptureQueriesContext(connection) as asked:
        selectors.newest_sample_ms()
    [query] = asked.captured_queries
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # which it prefers for a table of one row
        explain = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
        cursor.execute(f"{explain} {query['sql']}")
        plan = str(cursor.fetchall()).lower()

    assert "index" in plan
    assert "last_at_ms" in plan
    assert "scan ops_queuestate" not in plan

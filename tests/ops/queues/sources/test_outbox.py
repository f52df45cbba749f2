"""The source ``outbox``: our own spool of error events, seen like any other queue."""

import threading

import pytest

from core.clock import now_ms
from ops.errors.digest import digest_spool
from ops.errors.models import SpooledEvent
from ops.probing.probe import ProbeFailed
from ops.queues.definition import parse_queue
from ops.queues.sources.outbox import OutboxSource
from ops.sampling.outboxes import OUTBOXES, Backlog
from tests.ops.queues.sources.asking import failure, read

SOURCE = OutboxSource()


@pytest.mark.django_db(transaction=True)
def test_events_that_wait_to_be_grouped_are_counted_with_the_age_of_the_oldest() -> None:
    assert (read(SOURCE).size, read(SOURCE).oldest_age_seconds) == (0, None)
    for seconds in (90, 30):
        SpooledEvent.objects.create(entity_id=1, received_ms=now_ms() - seconds * 1_000, payload=b"{}")

    reading = read(SOURCE)
    assert reading.size == 2
    assert reading.oldest_age_seconds == pytest.approx(90, abs=10)

    digest_spool()
    assert (read(SOURCE).size, read(SOURCE).oldest_age_seconds) == (0, None)


@pytest.mark.django_db(transaction=True)
def test_a_database_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setitem(OUTBOXES._items, "errors", lambda: Backlog(int(released.wait(10)), None))
    try:
        failed: ProbeFailed = failure(SOURCE, timeout=0.2)
    finally:
        released.set()
    assert (failed.phase, failed.message) == ("timeout", "the database does not answer")


def test_another_name_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match="there is no such outbox; there are errors"):
        SOURCE.Config.model_validate({"outbox": "mail"})
    assert parse_queue({"name": "errors", "kind": "outbox"}).targets == []

"""Real workers that sample queues, and what happens around them: a kill, a platform's Valkey that stands still."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.db.models import Count

from core.clock import database_now_ms
from core.permissions import system_principal
from entities.models import Entity
from ops.queues.definition import parse_queue
from ops.queues.models import QueueSample, QueueState
from ops.queues.services import create_queue
from tests.faults.conftest import Worker
from tests.faults.proxy import FreezingProxy
from tests.faults.watched import stopped
from tests.services import free_port, run_valkey, wait_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]

QUEUES = 60


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[int]:
    """The port of one in which queues are; it is not the platform's."""
    folder, port = tmp_path / "queues", free_port()
    folder.mkdir()
    with run_valkey(folder, port=port):
        yield port


@pytest.fixture
def frozen(valkey: int) -> Iterator[FreezingProxy]:
    """The way to it on which nothing moves until it thaws."""
    with FreezingProxy(valkey) as proxy:
        proxy.freeze()
        yield proxy


def make_queue(name: str, port: int, **fields: Any) -> int:
    entity, _created = Entity.objects.get_or_create(name="shop", defaults={"kind": "service"})
    url = f"redis://127.0.0.1:{port}/0"
    definition = parse_queue({"name": name, "kind": "redis", "url": url, "key": name, **fields})
    return create_queue(principal=system_principal("tests"), entity_ref=entity.name, definition=definition).id


def expire_leases() -> None:
    """What would happen by itself once timeout and margin are over."""
    QueueState.objects.exclude(slot_ms=None).update(lease_until_ms=0)


def test_a_worker_killed_in_the_middle_of_a_batch_loses_no_slot_and_doubles_none(
    start_worker: Callable[[], Worker], wake_up: Callable[..., Any], frozen: FreezingProxy
) -> None:
    """Stop: "slots that were under way run again when their lease (timeout and 10 s) is over"."""
    for number in range(QUEUES):
        make_queue(f"queue-{number}", frozen.port, timeout="20s", interval="10m")
    QueueState.objects.update(next_due_ms=database_now_ms())
    slots = dict(QueueState.objects.values_list("definition_id", "next_due_ms"))
    worker = start_worker()
    wake_up("queues.sample")
    wait_for(lambda: QueueState.objects.exclude(slot_ms=None).count() == QUEUES, seconds=40, what="the looks")

    worker.kill_everything()
    assert QueueSample.objects.count() == 0
    frozen.thaw()
    expire_leases()
    start_worker()
    wake_up("queues.sample")

    wait_for(lambda: QueueSample.objects.count() == QUEUES, seconds=40, what="a sample of each queue")
    assert dict(QueueSample.objects.values_list("queue_id", "at_ms")) == slots
    assert not QueueState.objects.exclude(slot_ms=None).exists()


def test_sampling_goes_on_while_the_valkey_of_the_platform_stands_still(
    start_worker: Callable[[], Worker], wake_up: Callable[..., Any], frozen: FreezingProxy, valkey: int, broker_url: str
) -> None:
    """Health of the platform: "the database is the truth; Celery is only the wake-up"."""
    make_queue("hangs", frozen.port, timeout="20s", interval="10m")
    fine = make_queue("fine", valkey, interval="1s")
    start_worker()
    wake_up("queues.sample")
    wait_for(lambda: _newest_slot(fine) > 0, seconds=40, what="the first sample")

    with stopped([_listening(int(broker_url.rpartition(":")[2].partition("/")[0]))]):
        before = QueueSample.objects.filter(queue_id=fine).count()
        wait_for(
            lambda: QueueSample.objects.filter(queue_id=fine).count() >= before + 3,
            seconds=15,  # what hangs keeps the worker rolling for twenty
            what="samples without a platform's Valkey",
        )

    began = time.time_ns() // 1_000_000

    def woken_and_looked() -> bool:
        wake_up("queues.sample")
        return _newest_slot(fine) > began

    wait_for(woken_and_looked, seconds=60, what="a sample of a slot after it")
    _assert_every_slot_has_one_sample_or_is_counted(fine)


def _newest_slot(queue_id: int) -> int:
    return QueueSample.objects.filter(queue_id=queue_id).order_by("-at_ms").values_list("at_ms", flat=True).first() or 0


def _listening(port: int) -> psutil.Process:
    """Of this test's own processes the one that listens there."""
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if any(entry.laddr.port == port for entry in child.net_connections("tcp") if entry.status == "LISTEN"):
                return child
    raise AssertionError(f"nobody listens on {port}")


def _assert_every_slot_has_one_sample_or_is_counted(queue_id: int) -> None:
    slots = list(QueueSample.objects.filter(queue_id=queue_id).order_by("at_ms").values_list("at_ms", flat=True))
    doubled = QueueSample.objects.values("queue_id", "at_ms").annotate(rows=Count("size")).filter(rows__gt=1)
    assert not doubled.exists()
    assert {(slot - slots[0]) % 1_000 for slot in slots} == {0}
    missed = QueueState.objects.get(definition_id=queue_id).missed_slots
    assert len(slots) <= (slots[-1] - slots[0]) // 1_000 + 1 <= len(slots) + missed

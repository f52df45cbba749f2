"""Workers by their heartbeats as they are stored and shown, and the lengths of Celery's queues."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from core.clock import database_now_ms
from core.permissions import Principal, Role
from ops.queues.celery_exposition import forget_rendered, render_celery_series
from ops.queues.engine import worker_store
from ops.queues.engine.task_lease import take_lease
from ops.queues.engine.task_listening import Listening
from ops.queues.engine.task_store import BrokerReport, store_reports
from ops.queues.models import Queue, QueueState, TaskBroker, TaskWorker
from ops.queues.selectors import WorkerRow, queue_tasks
from ops.queues.worker_events import GONE_SECONDS, Host
from ops.signals.domain import Status
from tests.ops.queues.sources.asking import LOOPBACK
from tests.services import free_port, run_valkey, wait_for

pytestmark = pytest.mark.django_db(transaction=True)

KEY = "redis://127.0.0.1:6379/0"
HOSTILE = 'a"b\\c\n\x1b<script>' + "x" * 300
UP = Host(is_up=True, active=2, interval_seconds=2.0, silent_seconds=1.0)
GONE = Host(is_up=False, active=2, interval_seconds=2.0, silent_seconds=60.0)


@pytest.fixture(autouse=True)
def fresh() -> None:
    forget_rendered()


def store(hosts: dict[str, Host], *, listened: float = 3_600.0, failure: str = "") -> None:
    assert take_lease("a")
    report = BrokerReport({}, {}, 60.0, workers=len(hosts), hosts=hosts, listened_seconds=listened, failure=failure)
    store_reports({KEY: report}, holder="a")


def stored() -> dict[str, bool]:
    return dict(TaskWorker.objects.order_by("hostname").values_list("hostname", "is_up"))


def age_by(seconds: float) -> None:
    for row in TaskWorker.objects.all():
        TaskWorker.objects.filter(pk=row.pk).update(seen_ms=row.seen_ms - round(seconds * 1_000))


def series(name: str) -> list[tuple[dict[str, str], float]]:
    forget_rendered()
    families = text_string_to_metric_families(render_celery_series().decode())
    return [(sample.labels, sample.value) for family in families if family.name == name for sample in family.samples]


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A broker and its only worker, which sends events."""
    with run_valkey(tmp_path, port=free_port()) as url:
        (tmp_path / "stock.py").write_text(f'from celery import Celery\napp = Celery(broker="{url}")\n')
        arguments = ["worker", "--pool=solo", "-E", "-n", "one@here", "--without-gossip", "--without-mingle"]
        with subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "stock", *arguments],
            cwd=tmp_path, env={"PATH": os.environ["PATH"]}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            with redis.Redis.from_url(url, socket_timeout=20) as client:
                wait_for(lambda: client.pubsub_numpat() or process.poll() is not None, seconds=90, what="the worker")
            try:
                yield url, process
            finally:
                process.kill()


def test_a_worker_is_up_while_it_sends_heartbeats_and_gone_when_it_stops(
    worker: tuple[str, subprocess.Popen[bytes]], make_queue: Callable[..., Queue], viewer: Principal
) -> None:
    url, process = worker
    queue, listening = make_queue(kind="celery", url=url), Listening(LOOPBACK)

    def hosts() -> tuple[WorkerRow, ...]:
        listening.turn()
        return queue_tasks(principal=viewer, uid=queue.uid).hosts

    try:
        wait_for(lambda: hosts() and hosts()[0].is_up, seconds=60, what="a heartbeat")
        (host,) = hosts()
        assert (host.hostname, host.active) == ("one@here", 0)
        assert [value for _, value in series("celery_worker_tasks_active")] == [0]

        process.kill()
        wait_for(lambda: not hosts()[0].is_up, seconds=60, what="three missing heartbeats")
        ((labels, value),) = series("celery_worker_up")
        assert (labels["hostname"], value) == ("one@here", 0)
        assert series("celery_worker_tasks_active") == []
    finally:
        listening.close()


class TestStoring:
    def test_a_worker_grows_old_after_a_change_of_the_listener(self) -> None:
        store({"a": UP, "b": UP})
        age_by(60)
        store({"b": UP}, listened=4)
        assert stored() == {"a": True, "b": True}

        store({"b": UP}, listened=10)
        assert stored() == {"a": False, "b": True}

        store({"b": UP}, listened=0)
        assert stored() == {"a": False, "b": True}

        age_by(GONE_SECONDS)
        store({"b": UP})
        assert stored() == {"b": True}

    def test_one_that_is_back_is_up(self) -> None:
        store({"a": GONE})
        store({"a": UP})

        assert stored() == {"a": True}

    def test_rows_are_bounded_however_many_come(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(worker_store, "HOSTS_MAX", 10)
        for start in range(0, 60, 20):
            store({f"h{number}": UP for number in range(start, start + 20)})
            age_by(1)

        assert TaskWorker.objects.count() == 10
        assert all(int(name[1:]) >= 40 for name in stored())

    def test_hostile_names_are_stored_once(self) -> None:
        store({"\ud800\x00": UP, "a\x1b": UP, "a\x07": GONE, "\x1b": UP, "\n": UP})
        store({"a\x1b": UP})

        assert "a" in stored()
        assert all(name.isprintable() for name in stored())


class TestShown:
    @pytest.fixture
    def queue(self, make_queue: Callable[..., Queue]) -> Queue:
        store({"up@here": UP, HOSTILE[:200]: GONE})
        return make_queue(kind="celery", url=KEY)

    def test_over_the_api(self, queue: Queue, client_of: Callable[[Role], Client]) -> None:
        gone, up = client_of(Role.VIEWER).get(f"/api/v1/queues/{queue.uid}/tasks").json()["hosts"]

        assert (up["hostname"], up["is_up"], up["active"]) == ("up@here", True, 2)
        assert (gone["is_up"], gone["active"]) == (False, None)

    def test_as_metrics(self, queue: Queue) -> None:
        up = {labels["hostname"]: (labels["broker"], value) for labels, value in series("celery_worker_up")}

        assert up.pop("up@here") == (KEY, 1)
        ((hostname, (_, value)),) = up.items()
        assert hostname.startswith('a"b\\c')
        assert (len(hostname) <= 200, value) == (True, 0)
        assert series("celery_worker_tasks_active") == [({"broker": KEY, "hostname": "up@here"}, 2)]

    def test_on_the_page_of_the_queue(self, queue: Queue, client_of: Callable[[Role], Client]) -> None:
        page = client_of(Role.VIEWER).get(f"/queues/{queue.uid}").content.decode()

        assert "1 of 2 up" in page
        assert "up@<wbr>here" in page
        assert "<script>" not in page.partition("<main")[2].partition("</main")[0]

    def test_nothing_is_known_of_workers_while_nobody_listens(self, queue: Queue, viewer: Principal) -> None:
        TaskBroker.objects.update(stored_ms=1)

        assert queue_tasks(principal=viewer, uid=queue.uid).hosts == ()
        assert series("celery_worker_up") == []

    def test_nothing_is_known_of_workers_of_a_broker_that_is_away(self, queue: Queue, viewer: Principal) -> None:
        store({"up@here": UP}, listened=0, failure="connection refused")

        assert queue_tasks(principal=viewer, uid=queue.uid).hosts == ()
        assert series("celery_worker_up") == []


class TestLengths:
    @pytest.fixture
    def seen(self, make_queue: Callable[..., Queue]) -> Callable[..., Queue]:
        def make(name: str, size: int | None, *, status: Status = Status.HEALTHY, **fields: Any) -> Queue:
            queue = make_queue(name, **{"kind": "celery", "url": KEY, **fields})
            fresh = database_now_ms() + 60_000
            QueueState.objects.filter(pk=queue.pk).update(size=size, status=status, fresh_until_ms=fresh)
            return queue

        return make

    def test_a_queue_has_its_length_by_its_name_at_the_broker(self, seen: Callable[..., Queue]) -> None:
        seen("emails", 7, queue='mail"s')
        seen("other", 8)

        assert series("celery_queue_length") == [
            ({"queue_name": 'mail"s', "entity": "shop", "queue": "emails"}, 7),
            ({"queue_name": "celery", "entity": "shop", "queue": "other"}, 8),
        ]

    def test_what_is_unknown_stale_paused_or_no_queue_of_celery_has_none(self, seen: Callable[..., Queue]) -> None:
        seen("unknown", 1, status=Status.UNKNOWN)
        seen("paused", 1, paused=True)
        seen("plain", 1, kind="redis", key="k")
        QueueState.objects.filter(pk=seen("stale", 1).pk).update(fresh_until_ms=1)

        assert series("celery_queue_length") == []

    def test_it_is_on_the_page_of_metrics(self, seen: Callable[..., Queue], client: Client) -> None:
        seen("emails", 7)
        page = client.get("/metrics", REMOTE_ADDR="127.0.0.1").content.decode()

        assert 'celery_queue_length{queue_name="celery",entity="shop",queue="emails"} 7' in page

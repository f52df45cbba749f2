"""Celery's events, heard from a real worker by the process that holds the lease, stored and shown."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from core.permissions import Principal, Role
from ops.queues.engine import task_store
from ops.queues.engine.task_lease import release_lease, take_lease
from ops.queues.engine.task_listening import Listening
from ops.queues.engine.task_store import BrokerReport, LeaseLost, shown_traceback, store_reports
from ops.queues.models import Queue, TaskBroker, TaskFailure, TaskListener, TaskStatistic
from ops.queues.retention import prune_queues
from ops.queues.selectors import queue_task_failures, queue_tasks
from ops.queues.task_events import FAILURES_KEPT, UNKNOWN, Failure, Task, TaskStatistics, Totals
from ops.queues.task_exposition import forget_rendered, render_task_series
from ops.queues.task_window import TaskWindow
from tests.ops.queues.sources.asking import LOOPBACK
from tests.services import free_port, run_valkey, wait_for

pytestmark = pytest.mark.django_db(transaction=True)

KEY = "redis://127.0.0.1:6379/0"
_APP = """
from celery import Celery
app = Celery(broker="{broker}")
app.conf.task_send_sent_event = True

@app.task(name="jobs.mail")
def mail():
    pass

@app.task(name="jobs.fail")
def fail():
    password = "hush"
    raise RuntimeError("cannot reach redis://me:hush@host, password=hush")
"""


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A broker whose worker sends events."""
    with run_valkey(tmp_path, port=free_port()) as url:
        (tmp_path / "stock.py").write_text(_APP.format(broker=url))
        arguments = ["worker", "--pool=solo", "-E", "-n", "one@here", "--without-gossip", "--without-mingle"]
        with subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "stock", *arguments],
            cwd=tmp_path, env={"PATH": os.environ["PATH"]}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            client = redis.Redis.from_url(url, socket_timeout=20)
            try:
                wait_for(lambda: client.pubsub_numpat() or process.poll() is not None, seconds=90, what="the worker")
                yield url
            finally:
                client.close()
                process.kill()


@pytest.fixture
def begin() -> Iterator[Callable[[], Listening]]:
    begun: list[Listening] = []

    def make() -> Listening:
        begun.append(Listening(LOOPBACK))
        return begun[-1]

    yield make
    for listening in begun:
        listening.close()


def expire_lease() -> None:
    TaskListener.objects.update(lease_until_ms=1)


def heard(*events: dict[str, Any]) -> dict[Task, Totals]:
    statistics = TaskStatistics()
    for one in events:
        statistics.add({"uuid": "1", "hostname": "one@here", "timestamp": 1_000.0, **one}, at=1_000)
    return statistics.drain()


def report(*events: dict[str, Any], **fields: Any) -> BrokerReport:
    totals = heard(*events)
    window = TaskWindow(0)
    window.add(totals, now=1)
    recent = {task: window.recent(task) for task in window.tasks()}
    return BrokerReport(totals, recent, 60.0, **fields)


def test_the_tasks_of_a_worker_are_counted_measured_and_shown(
    url: str, make_queue: Callable[..., Queue], begin: Callable[[], Listening], viewer: Principal
) -> None:
    queue = make_queue(kind="celery", url=url)
    listening, client = begin(), redis.Redis.from_url(url, socket_timeout=20)
    listening.turn()
    wait_for(lambda: client.pubsub_numpat() > 1, seconds=60, what="the listener")
    app = Celery(broker=url, set_as_current=False)
    for name in ("jobs.mail", "jobs.mail", "jobs.fail"):
        app.send_task(name)
    app.close()

    def ended() -> bool:
        listening.turn()
        return sorted(TaskStatistic.objects.values_list("name", "succeeded", "failed")) == [
            ("jobs.fail", 0, 1),
            ("jobs.mail", 2, 0),
        ]

    wait_for(ended, seconds=60, what="all tasks")
    client.close()
    listing = queue_tasks(principal=viewer, uid=queue.uid)
    fail, mail = listing.items

    assert (listing.is_heard, listing.message, listing.workers) == (True, "", 1)
    assert (fail.name, fail.queue, fail.failed_share, mail.failed_share) == ("jobs.fail", "", 1.0, 0.0)
    assert mail.per_minute
    assert mail.runtime_p95_ms is not None
    assert mail.wait_p95_ms is not None
    assert fail.last_failure is not None
    assert fail.last_failure.exception.startswith("RuntimeError(")
    assert "in fail" in fail.last_failure.traceback
    assert "hush" not in fail.last_failure.exception + fail.last_failure.traceback


def test_another_goes_on_when_the_holder_dies(make_queue: Callable[..., Queue], begin: Callable[[], Listening]) -> None:
    make_queue(kind="celery", url=f"redis://127.0.0.1:{free_port()}")
    first, second = begin(), begin()
    first.turn()
    second.turn()
    assert (first.is_listening, second.is_listening) == (True, False)

    expire_lease()
    second.turn()
    first.turn()
    assert (first.is_listening, second.is_listening) == (False, True)

    second.close()
    first.turn()
    assert first.is_listening


def test_nobody_listens_without_queues_of_celery(
    make_queue: Callable[..., Queue], begin: Callable[[], Listening]
) -> None:
    make_queue(kind="celery", url="redis://127.0.0.1", paused=True)
    listening = begin()
    listening.turn()

    assert not listening.is_listening
    assert not TaskListener.objects.exists()


def test_a_broker_that_is_not_there_is_told(
    make_queue: Callable[..., Queue], begin: Callable[[], Listening], viewer: Principal
) -> None:
    queue = make_queue(kind="celery", url=f"redis://127.0.0.1:{free_port()}")
    listening = begin()

    def refused() -> bool:
        listening.turn()
        return "refused" in queue_tasks(principal=viewer, uid=queue.uid).message

    wait_for(refused, seconds=30)
    assert not queue_tasks(principal=viewer, uid=queue.uid).is_heard


def test_a_queue_has_its_own_tasks(make_queue: Callable[..., Queue], viewer: Principal) -> None:
    assert take_lease("a")
    store_reports({KEY: report({"type": "task-sent", "name": "m", "queue": "celery"})}, holder="a")
    celery, other = (make_queue(name, kind="celery", url=KEY, queue=name) for name in ("celery", "other"))

    assert [row.queue for row in queue_tasks(principal=viewer, uid=celery.uid).items] == ["celery"]
    assert queue_tasks(principal=viewer, uid=other.uid).items == ()


class TestStoring:
    def test_what_was_counted_survives_a_restart(self) -> None:
        for holder in ("first", "second"):
            assert take_lease(holder)
            found = report({"type": "task-received", "name": "mail"}, {"type": "task-succeeded", "runtime": 2.0})
            store_reports({KEY: found}, holder=holder)
            release_lease(holder)
        row = TaskStatistic.objects.get()

        assert (row.received, row.succeeded, row.runtime_us, row.recent_succeeded) == (2, 2, 4_000_000, 1)

    def test_the_window_of_a_holder_that_died_is_forgotten(self) -> None:
        assert take_lease("a")
        store_reports({KEY: report({"type": "task-received", "name": "m"}, {"type": "task-failed"})}, holder="a")
        store_reports({KEY: BrokerReport({}, {}, 1.0, begins_window=True)}, holder="a")

        assert TaskStatistic.objects.values_list("failed", "recent_failed").get() == (1, 0)

    def test_nothing_is_stored_without_the_lease(self) -> None:
        assert take_lease("a")
        with pytest.raises(LeaseLost):
            store_reports({KEY: report({"type": "task-received", "name": "m"})}, holder="b")

        assert not TaskBroker.objects.exists()

    def test_names_are_bounded_however_many_come(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(task_store, "TASKS_MAX", 10)
        assert take_lease("a")
        for start in range(0, 60, 20):
            events = [{"type": "task-received", "uuid": str(n), "name": f"t{n}"} for n in range(start, start + 20)]
            store_reports({KEY: report(*events)}, holder="a")

        assert TaskStatistic.objects.count() <= 11
        assert sum(TaskStatistic.objects.values_list("received", flat=True)) == 60
        assert TaskStatistic.objects.get(name=UNKNOWN).received == 50

    def test_the_last_failures_are_kept(self, make_queue: Callable[..., Queue], viewer: Principal) -> None:
        queue = make_queue(kind="celery", url=KEY)
        assert take_lease("a")
        for number in range(FAILURES_KEPT * 2):
            events = [{"type": "task-received", "name": "m"}, {"type": "task-failed", "exception": f"E{number}"}]
            store_reports({KEY: report(*events)}, holder="a")
        found = [row.exception for row in queue_task_failures(principal=viewer, uid=queue.uid, name="m")]

        assert found == [f"E{number}" for number in range(9, 4, -1)]
        assert TaskFailure.objects.count() == FAILURES_KEPT

    def test_hostile_texts_are_stored(self) -> None:
        assert take_lease("a")
        text = "\ud800\x00\x1b[31m<b>" + "x" * 1_000_000
        events: list[dict[str, Any]] = [
            {"type": "task-received", "name": text, "hostname": text},
            {"type": "task-failed", "exception": text, "traceback": text, "timestamp": 9e10, "hostname": text},
        ]
        store_reports({KEY: report(*events, failure=text)}, holder="a")
        failure = TaskFailure.objects.get()

        assert failure.at_ms < 9e13
        assert "\x1b" not in failure.traceback + failure.exception

    def test_half_a_secret_is_not_kept(self) -> None:
        text = "password=" + "s3cret" * 2_000 + "\nE: no"
        totals = heard({"type": "task-received", "name": "m"}, {"type": "task-failed", "traceback": text})
        (failure,) = totals[Task("m", "")].failures

        assert isinstance(failure, Failure)
        assert shown_traceback(failure.traceback) == "E: no"


def test_steps_of_the_window_are_forgotten() -> None:
    window, mail = TaskWindow(0), Task("mail", "")
    totals = heard({"type": "task-received", "name": "mail"}, {"type": "task-succeeded", "runtime": 1.0})
    for second in range(0, 600, 30):
        window.add(totals, now=second)
    assert 9 <= window.recent(mail).totals.counts["succeeded"] <= 11
    assert 270 <= window.seconds(600) <= 330

    assert any([mail in window.add({}, now=second) for second in range(600, 1_200, 30)])  # noqa: C419 - all of them
    assert window.tasks() == set()


def test_a_hundred_thousand_names_are_bounded() -> None:
    statistics = TaskStatistics()
    for number in range(100_000):
        statistics.add({"type": "task-received", "uuid": str(number), "name": f"t{number}"}, at=1)

    assert len(statistics.totals) <= 501
    assert json.dumps(statistics.totals[Task(UNKNOWN, "")].counts["received"]) == "99500"


class TestShown:
    NAME = 'a"b\\c\n<script>'

    @pytest.fixture
    def queue(self, make_queue: Callable[..., Queue]) -> Queue:
        queue = make_queue(kind="celery", url=KEY)
        assert take_lease("a")
        events: list[dict[str, Any]] = [
            {"type": "task-received", "name": self.NAME},
            {"type": "task-started", "timestamp": 1_000.02},
            {"type": "task-retried"},
            {"type": "task-failed", "exception": "<b>E</b>", "traceback": "<i>T</i>"},
            {"type": "task-received", "uuid": "2", "name": "m"},
            {"type": "task-succeeded", "uuid": "2", "runtime": 2.0},
        ]
        store_reports({KEY: report(*events, workers=1)}, holder="a")
        forget_rendered()
        return queue

    def test_over_the_api(self, queue: Queue, client_of: Callable[[Role], Client]) -> None:
        client = client_of(Role.VIEWER)
        seen = client.get(f"/api/v1/queues/{queue.uid}/tasks").json()
        failures = client.get(f"/api/v1/queues/{queue.uid}/tasks/failures").json()["items"]
        failed, fine = seen["items"]

        assert (seen["is_heard"], seen["workers"], seen["window_seconds"]) == (True, 1, 60.0)
        assert (failed["name"], failed["failed_share"], failed["retried_share"]) == (self.NAME, 0.5, 0.5)
        assert failed["per_minute"] == 2.0
        assert fine["runtime_p95_ms"] == pytest.approx(2_000, rel=0.03)
        assert [row["traceback"] for row in failures] == ["<i>T</i>"] == [failed["last_failure"]["traceback"]]
        assert client.get(f"/api/v1/queues/{queue.uid}/tasks?nope=1").status_code == 422
        assert client.get("/api/v1/queues/que_none/tasks").status_code == 404

    def test_as_metrics(self, queue: Queue) -> None:
        families = {family.name: family for family in text_string_to_metric_families(render_task_series().decode())}
        named = {"broker": KEY, "name": self.NAME, "queue_name": ""}
        (failed,) = [one for one in families["celery_task_failed"].samples if one.labels["name"] == self.NAME]
        buckets = {
            sample.labels["le"]: sample.value
            for sample in families["celery_task_runtime"].samples
            if sample.labels["name"] == "m" and sample.name.endswith("_bucket")
        }

        assert (failed.labels, failed.value) == (named, 1)
        assert (buckets["1"], buckets["2.5"], buckets["+Inf"]) == (0, 1, 1)

    def test_on_the_page_of_the_queue(self, queue: Queue, client_of: Callable[[Role], Client]) -> None:
        page = client_of(Role.VIEWER).get(f"/queues/{queue.uid}").content.decode()

        assert "a&quot;b\\c\n&lt;script&gt;" in page
        assert "&lt;i&gt;T&lt;/i&gt;" in page
        assert "<script>" not in page.partition("<main")[2].partition("</main")[0]

    def test_nothing_is_known_of_the_window_while_nobody_listens(self, queue: Queue, viewer: Principal) -> None:
        TaskBroker.objects.update(stored_ms=1)
        listing = queue_tasks(principal=viewer, uid=queue.uid)

        assert not listing.is_heard
        assert listing.items[0].per_minute is None
        assert listing.items[0].failed == 1

    def test_what_nothing_is_heard_of_is_forgotten(self, queue: Queue) -> None:
        TaskStatistic.objects.update(heard_ms=1)
        assert prune_queues()
        assert not TaskStatistic.objects.exists()
        assert not TaskFailure.objects.exists()

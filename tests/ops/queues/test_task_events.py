"""Statistics of tasks by Celery's events, and a real worker that sends them."""

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import uvloop
from celery import Celery

from core.latency import percentiles_us
from ops.probing.probe import ProbeContext, ProbeFailed
from ops.probing.resp import ANSWER_LIMIT, KEPT_LIMIT
from ops.queues import task_events
from ops.queues.event_listener import listen, read_events
from ops.queues.sources.redis_server import RedisServerConfig
from ops.queues.task_events import UNKNOWN, Task, TaskStatistics
from tests.ops.queues.sources.asking import LOOPBACK
from tests.services import free_port, run_valkey, wait_for

_APP = """
from celery import Celery
app = Celery(broker="{broker}")
app.conf.task_send_sent_event = True

@app.task(name="jobs.mail")
def mail():
    pass

@app.task(name="jobs.fail")
def fail():
    raise RuntimeError("no such address")
"""


def event(kind: str, task_id: str = "1", **fields: Any) -> dict[str, Any]:
    return {"type": f"task-{kind}", "uuid": task_id, "hostname": "one@here", "timestamp": 1_000.0, **fields}


def heard(*events: dict[str, Any]) -> TaskStatistics:
    statistics = TaskStatistics()
    for one in events:
        statistics.add(one, at=1_000)
    return statistics


def test_a_task_is_counted_and_measured_under_its_name_and_queue() -> None:
    seen = heard(
        event("sent", name="mail", queue="celery", timestamp=1_000),
        event("received", name="mail", timestamp=1_001),
        event("started", timestamp=1_004),
        event("succeeded", runtime=0.5, timestamp=1_005),
    )

    assert set(seen.totals) == {Task("mail", "celery")}
    totals = seen.totals[Task("mail", "celery")]
    assert {kind for kind, count in totals.counts.items() if count == 1} == {"sent", "received", "started", "succeeded"}
    assert percentiles_us(totals.wait, 0.5) == [pytest.approx(4e6, rel=0.03)]
    assert percentiles_us(totals.runtime, 0.5) == [pytest.approx(5e5, rel=0.03)]


def test_without_sent_events_the_wait_is_that_in_the_worker() -> None:
    totals = heard(event("received", name="mail", timestamp=1_001), event("started", timestamp=1_003)).totals

    assert percentiles_us(totals[Task("mail", "")].wait, 0.5) == [pytest.approx(2e6, rel=0.03)]


def test_a_worker_that_is_faster_than_the_event_of_the_sender_counts_for_the_queue_of_before() -> None:
    seen = heard(event("sent", name="m", queue="q"), event("received", "2", name="m"), event("succeeded", "2"))

    assert seen.totals[Task("m", "q")].counts["succeeded"] == 1


def test_waiting_for_an_eta_is_no_wait() -> None:
    totals = heard(event("received", name="mail", eta="2026-11-21T10:00:00"), event("started", timestamp=9_000)).totals

    assert not totals[Task("mail", "")].wait


def test_failures_and_retries_are_shares_of_what_ended() -> None:
    seen = heard(event("received", name="mail"), event("retried"), event("failed", exception="E", traceback="T"))
    totals = seen.totals[Task("mail", "")]

    assert (totals.failure_share, totals.retry_share) == (0.5, 0.5)
    assert [(failure.exception, failure.traceback) for failure in totals.failures] == [("E", "T")]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TASKS_MAX", "IN_FLIGHT_MAX"):
        monkeypatch.setattr(task_events, name, 10)
    seen = heard(*(event("received", str(at), name=f"t{at}" * 1_000) for at in range(50)))
    for at in range(50):
        seen.add(event("failed", "49", traceback="x" * 100_000), at=at)

    assert len(seen.totals) == 11
    assert len(seen._in_flight) <= 10
    failures = [failure for totals in seen.totals.values() for failure in totals.failures]
    assert len(failures) <= 11 * task_events.FAILURES_KEPT
    assert max(len(failure.traceback) for failure in failures) == task_events.TRACEBACK_CHARACTERS


@pytest.mark.parametrize(
    "broken",
    [{}, {"type": 5}, {"type": "task-sent"}, {"type": "task-nope", "uuid": "1"}, {"type": "task-sent", "uuid": 5},
     {"type": "x" * 1_000_000}],
)  # fmt: skip
def test_what_is_no_event_is_dropped(broken: dict[str, Any]) -> None:
    seen = heard(broken)

    assert (seen.dropped, seen.totals) == (1, {})


@pytest.mark.parametrize("value", [None, "x", float("nan"), float("inf"), -1, True, [], 10**400])
def test_a_time_that_cannot_be_one_is_passed_over(value: Any) -> None:
    totals = heard(event("received", name="mail", timestamp=value), event("succeeded", runtime=value)).totals

    assert not totals[Task("mail", "")].runtime


def test_a_task_whose_beginning_was_missed_has_no_name() -> None:
    assert set(heard(event("succeeded", runtime=1)).totals) == {Task(UNKNOWN, "")}


@pytest.mark.parametrize("text", ["", "[", "{}", '{"body": "[", "properties": {}}', '{"body": "5", "properties": {}}'])
def test_what_is_no_message_holds_no_event(text: str) -> None:
    assert list(read_events(text)) == []


def test_listening_goes_on_after_as_many_bytes_as_one_answer_may_have(tmp_path: Path) -> None:
    statistics, seen = TaskStatistics(), Counter[str]()
    filler, times = "x" * ANSWER_LIMIT, KEPT_LIMIT // ANSWER_LIMIT + 1
    body = json.dumps(event("sent", name="mail", queue="celery"))

    async def hear(url: str) -> None:
        config = RedisServerConfig.model_validate({"url": url})
        context = ProbeContext(200.0, LOOPBACK)
        listening = asyncio.create_task(listen(config, context, statistics, note_alive=lambda: seen.update(["alive"])))
        await asyncio.to_thread(publish, url)
        listening.cancel()
        await asyncio.wait([listening])

    def publish(url: str) -> None:
        client = redis.Redis.from_url(url, socket_timeout=20)
        wait_for(lambda: client.pubsub_numpat() == 1, seconds=60, what="the listener")
        for _ in range(times):
            before = seen["alive"]
            client.publish("/0.celeryev/x", filler)
            wait_for(lambda: seen["alive"] > before, what="the message to be read")  # noqa: B023 - asked at once
        client.publish("/0.celeryev/task.sent", json.dumps({"body": body, "properties": {}}))
        wait_for(lambda: statistics.totals, what="the event")
        client.close()

    with run_valkey(tmp_path, port=free_port()) as url:
        uvloop.run(hear(url))


class TestWithAWorker:
    @pytest.fixture
    def url(self, tmp_path: Path) -> Iterator[str]:
        """A broker whose worker sends events, and answers already."""
        with run_valkey(tmp_path, port=free_port()) as url:
            (tmp_path / "stock.py").write_text(_APP.format(broker=url))
            arguments = ["worker", "--pool=solo", "-E", "-n", "one@here", "--without-gossip", "--without-mingle"]
            with subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "stock", *arguments],
                cwd=tmp_path, env={"PATH": os.environ["PATH"]}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            ) as process:  # fmt: skip
                client = redis.Redis.from_url(url, socket_timeout=20)
                try:
                    wait_for(
                        lambda: client.pubsub_numpat() or process.poll() is not None, seconds=90, what="the worker"
                    )
                    yield url
                finally:
                    client.close()
                    process.kill()

    def test_its_tasks_are_heard(self, url: str) -> None:
        statistics, config = TaskStatistics(), RedisServerConfig.model_validate({"url": url})
        app = Celery(broker=url, set_as_current=False)
        app.conf.task_send_sent_event = True
        client = redis.Redis.from_url(url, socket_timeout=20)

        def ended() -> bool:
            # A task can be done before its client tells that it was sent, and to which queue: it is then told in two.
            told = {
                (task.name, what)
                for task, totals in statistics.totals.items()
                for what, n in totals.counts.items()
                if n
            }
            return {("jobs.mail", "succeeded"), ("jobs.fail", "failed")} <= told

        def send() -> None:
            wait_for(lambda: client.pubsub_numpat() > 1, seconds=60, what="the listener")
            app.send_task("jobs.mail")
            app.send_task("jobs.fail")
            wait_for(ended, seconds=60, what="both tasks")

        async def hear() -> None:
            listening = asyncio.create_task(listen(config, ProbeContext(200.0, LOOPBACK), statistics))
            await asyncio.to_thread(send)
            listening.cancel()
            await asyncio.wait([listening])

        uvloop.run(hear())
        app.close()
        client.close()
        (failure, *_) = [failure for totals in statistics.totals.values() for failure in totals.failures]

        assert failure.exception == "RuntimeError('no such address')"
        assert "in fail" in failure.traceback
        assert failure.worker == "one@here"
        assert any(totals.runtime for totals in statistics.totals.values())

    def test_it_ends_when_its_time_is_over(self, url: str) -> None:
        statistics, config = TaskStatistics(), RedisServerConfig.model_validate({"url": url})

        uvloop.run(listen(config, ProbeContext(3.0, LOOPBACK), statistics))

    def test_a_broker_that_is_not_there_fails(self) -> None:
        config = RedisServerConfig.model_validate({"url": f"redis://127.0.0.1:{free_port()}"})

        async def hear() -> None:
            await listen(config, ProbeContext(3.0, LOOPBACK), TaskStatistics())

        with pytest.raises(ProbeFailed, match="connection refused"):
            uvloop.run(hear())

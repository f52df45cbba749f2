"""The ``celery`` source with a real worker that consumes."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import redis
import uvloop
from celery import Celery

from ops.probing.celery_control import Question
from ops.probing.probe import ProbeContext, ProbeFailed
from ops.queues.sources import celery_workers
from ops.queues.sources.celery import CelerySource
from ops.queues.sources.celery_workers import RollCall, RollCalls
from ops.queues.sources.source import Consumer, Reading
from tests.ops.queues.sources import asking
from tests.services import wait_for

_APP = """
import threading
from celery import Celery
app = Celery(broker="{broker}")
app.conf.worker_prefetch_multiplier = 1
gate = threading.Event()

@app.task(name="jobs.hold")
def hold():
    gate.wait(60)

@app.task(name="jobs.open")
def open_gate():
    gate.set()
"""


@pytest.fixture(scope="module")
def url(broker: str) -> str:
    return f"{broker}/5"


@contextmanager
def running_worker(url: str, folder: Path, *, name: str, queues: str) -> Iterator[None]:
    """One with two threads that answers already."""
    (folder / "stock.py").write_text(_APP.format(broker=url))
    arguments = ["worker", "--pool=threads", "--concurrency=2", "-n", name, "-Q", queues]
    with subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "stock", *arguments, "--without-gossip", "--without-mingle"],
        cwd=folder, env={"PATH": os.environ["PATH"]}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        client = redis.Redis.from_url(url, socket_timeout=20)
        try:
            before = len(client.client_list(_type="pubsub"))

            def is_listening() -> bool:
                assert process.poll() is None, "the worker ended"
                return len(client.client_list(_type="pubsub")) > before

            wait_for(is_listening, seconds=90, what="the worker")
            yield
        finally:
            client.close()
            process.kill()
            process.wait()


@pytest.fixture(scope="module", autouse=True)
def _worker(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with running_worker(url, tmp_path_factory.mktemp("worker"), name="one@here", queues="celery,mail"):
        yield


@pytest.fixture
def other_worker(url: str, tmp_path: Path) -> Iterator[None]:
    """It answers on the same broker, and consumes another queue."""
    with running_worker(url, tmp_path, name="other@here", queues="other"):
        yield


@pytest.fixture
def app(url: str) -> Iterator[Celery]:
    app = Celery(broker=url, set_as_current=False)
    yield app
    app.close()


def look(url: str, queue: str = "celery") -> Reading:
    return asking.read(CelerySource(), url=url, queue=queue)


def test_consumers_are_the_workers_of_the_queue(url: str) -> None:
    assert look(url).consumers == 1
    assert look(url, "mail").consumers == 1
    assert look(url, "nobody").consumers == 0


def test_what_workers_have_in_hand_is_told(url: str, app: Celery) -> None:
    for _ in range(5):
        app.send_task("jobs.hold")
    app.send_task("jobs.hold", countdown=600)

    client: Any = redis.Redis.from_url(url, socket_timeout=20)

    def settled() -> Reading | None:
        """All six are somewhere; a running task is no longer the broker's, as it is acknowledged early."""
        seen = look(url)
        is_whole = seen.parts.get("active") == 2 and seen.size + (seen.unacked or 0) == 4
        return (
            seen if is_whole and (seen.size, seen.unacked) == (client.llen("celery"), client.hlen("unacked")) else None
        )

    seen = wait_for(settled, seconds=40, what="two running tasks, and the broker's own figures")
    client.close()

    assert seen.scheduled == 1
    assert look(url, "mail").parts["active"] == 0


@pytest.mark.usefixtures("other_worker")
def test_only_the_workers_of_a_queue_are_paused_and_resumed(url: str) -> None:
    source = CelerySource()
    config = source.Config.model_validate({"url": url, "queue": "mail"})
    [mail] = consumers = asking.run(source.consumers, config)
    assert mail.name == "one@here"

    assert asking.run(source.pause, config, consumers=consumers) == consumers
    assert wait_for(lambda: look(url, "mail").consumers == 0) is True
    assert asking.run(source.resume, config, consumers=consumers) == consumers
    assert wait_for(lambda: look(url, "mail").consumers == 1) is True
    assert wait_for(lambda: asking.run(source.consumers, config) == consumers) is True
    assert look(url, "other").consumers == 1


def test_a_consumer_of_another_broker_is_not_told(url: str) -> None:
    source = CelerySource()
    config = source.Config.model_validate({"url": url, "queue": "mail"})
    namesake = Consumer("redis://elsewhere:6379/0 mail", "one@here")

    with pytest.raises(ProbeFailed, match="none of these consumers"):
        asking.run(source.pause, config, consumers=[namesake])
    assert look(url, "mail").consumers == 1


def test_a_question_to_no_worker_is_not_one_to_all() -> None:
    with pytest.raises(ValueError, match="no worker"):
        Question("cancel_consumer", destination=[])


def test_nothing_stays_behind_on_the_broker(url: str) -> None:
    client = redis.Redis.from_url(url, socket_timeout=20)
    look(url)

    assert not client.keys("*reply.celery.pidbox*")
    client.close()


def test_an_empty_roll_call_is_not_kept_long(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [RollCall(), RollCall(1, {"one@here": frozenset()}), RollCall(1, {"one@here": frozenset({"celery"})})]
    asked: list[RollCall] = []

    async def call_roll(*_: Any) -> RollCall:
        asked.append(answers[len(asked)])
        return asked[-1]

    monkeypatch.setattr(celery_workers, "call_roll", call_roll)
    calls, clock, seen = RollCalls(), 1_000.0, []
    monkeypatch.setattr(celery_workers, "time", SimpleNamespace(monotonic=lambda: clock))
    config = asking.config(CelerySource(), url=url, queue="celery")
    for clock in (1_000.0, 1_000.9, 1_001.1, 1_002.2, 1_007.1):  # noqa: B007 - the clock that is read
        call = asyncio.run(calls.of(config, "", cast("Any", None)))
        seen.append((len(asked), call.consumers("celery")))
    assert seen == [(1, 0), (1, 0), (2, 0), (3, 1), (3, 1)]


def test_one_roll_call_serves_looks_that_begin_together(url: str) -> None:
    source = CelerySource()
    client = redis.Redis.from_url(url, socket_timeout=20)

    def published() -> int:
        return int(client.info("commandstats").get("cmdstat_publish", {}).get("calls", 0))

    async def look_at_all() -> list[Reading]:
        configs = [asking.config(source, url=url, queue=queue) for queue in ("celery", "mail", "nobody") * 10]
        return await asyncio.gather(*(source.read(one, ProbeContext(30, asking.LOOPBACK)) for one in configs))

    before = published()
    seen = uvloop.run(look_at_all())
    questions = published() - before
    client.close()

    assert [reading.consumers for reading in seen[:3]] == [1, 1, 0]
    assert questions < 30  # four for the roll call; the worker's heartbeats are among them

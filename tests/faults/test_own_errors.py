"""Our own errors in a real instance: what nobody foresaw in web server, worker and scheduler is kept like everybody's.

The promise: "unhandled exceptions of web, worker and beat are recorded locally in the same store (bounded, never
recursive, works when no DSN is set), with request id and trace id".
"""

import json
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from celery import Celery

from core.data_dir import DataDir
from tests.faults.watched import Watched, stopped, watched
from tests.ops.health.targets import answer, run_target
from tests.services import wait_for

pytestmark = pytest.mark.long

# Found by every Python of the instance; only the scheduler meets its fault, and only once.
SITE = """
import os, sys, threading, time

def wait(flag):
    while True:
        try:
            os.unlink(flag)
        except FileNotFoundError:
            time.sleep(0.1)
        else:
            break
    def tick(*_arguments, **_named):
        raise LookupError("the schedule is gone")
    sys.modules["core.beat"].PulsingScheduler.tick = tick

if "beat" in sys.orig_argv:
    threading.Thread(target=wait, args=[os.environ["SCHEDULER_FAULT"]], daemon=True).start()
"""


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    site = folder / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(SITE)
    with pytest.MonkeyPatch.context() as patch, run_target(answer()) as collector:
        patch.setenv("PYTHONPATH", str(site))
        patch.setenv("SCHEDULER_FAULT", str(folder / "fault"))
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        with watched(folder) as instance:
            yield instance


def wait_for_error(one: Watched, entity: str, title: str) -> dict[str, Any]:
    """The newest event of the group, once it is there."""

    def ask(path: str) -> list[dict[str, Any]]:
        status, body, _ = one.get(path)
        return json.loads(body)["items"] if status == 200 else []

    def find() -> dict[str, Any] | None:
        groups = (group for group in ask(f"/api/v1/errors?entity={entity}") if title in group["title"])
        return next((event for group in groups for event in ask(f"/api/v1/errors/{group['id']}/events")), None)

    event: dict[str, Any] = wait_for(find, seconds=40, what=f"{title} of {entity}")
    return event


def test_of_the_web_server_with_request_and_trace(one: Watched) -> None:
    damaged = zlib.compress(b"{}")[:-3].hex()
    literal = f"'\\x{damaged}'" if "DATABASE_URL" in one.instance.settings else f"x'{damaged}'"
    _spool_one_error(one)
    group = json.loads(one.get("/api/v1/errors?entity=quarterdeck-worker")[1])["items"][0]["id"]
    one.execute(f"UPDATE ops_storedevent SET data = {literal}")
    assert one.get(f"/errors/{group}")[0] == 500
    one.execute(f"DELETE FROM ops_storedevent WHERE data = {literal}")

    event = wait_for_error(one, "quarterdeck-web", "error: ")
    tags = dict(event["data"]["tags"])
    assert tags["role"] == "web"
    assert len(tags["request_id"]) == 32
    assert len(event["trace_id"]) == 32


def test_of_the_worker_with_task_and_trace(one: Watched) -> None:
    event = _spool_one_error(one)

    tags = dict(event["data"]["tags"])
    assert tags["role"] == "worker"
    assert tags["task_id"]
    assert len(event["trace_id"]) == 32
    assert event["data"]["transaction"] == "errors.prune"


def test_of_the_worker_that_a_task_lost_its_process(one: Watched) -> None:
    """Told by the worker's main process, which then forks a new one: it must not share a connection with it."""

    children = one.family("worker")[1:]
    with stopped(children), redis.Redis(unix_socket_path=str(DataDir(one.instance.data).broker_socket)) as broker:
        wait_for(lambda: broker.llen("quarterdeck:default"), seconds=40, what="a task for each of them, and more")
        for child in children:
            child.kill()

    event = wait_for_error(one, "quarterdeck-worker", "WorkerLostError")
    assert dict(event["data"]["tags"])["role"] == "worker"
    one.wait_for_results(seconds=60)
    one.assert_every_slot_has_one_result_or_is_counted()


def test_of_the_scheduler_which_is_started_again(one: Watched) -> None:
    (one.instance.data.parent / "fault").touch()

    event = wait_for_error(one, "quarterdeck-scheduler", "LookupError: the schedule is gone")

    assert dict(event["data"]["tags"])["role"] == "scheduler"
    one.wait_for_results(seconds=60)


def _spool_one_error(one: Watched) -> dict[str, Any]:
    """A task that is called wrongly, as by a release that is not ours."""
    app = Celery(broker=f"redis+socket://{DataDir(one.instance.data).broker_socket}", set_as_current=False)
    app.conf.broker_transport_options = {"global_keyprefix": "quarterdeck:"}
    app.conf.task_default_queue = "default"
    app.send_task("errors.prune", args=["too", "many"], ignore_result=True)
    app.close()
    return wait_for_error(one, "quarterdeck-worker", "TypeError: ")

"""The ``celery`` kind against a real worker on a Valkey."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
import redis

from ops.health.checks.celery import CeleryKind
from ops.probing.probe import Observation
from tests.ops.health import probing
from tests.services import free_port, run_valkey, wait_for

CELERY = CeleryKind()


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with run_valkey(tmp_path_factory.mktemp("valkey"), port=free_port()) as url:
        yield int(url.rpartition(":")[2].partition("/")[0])


@pytest.fixture(scope="module")
def _worker(port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One that consumes the queues ``celery`` and ``mail`` of the database 3, and answers already."""
    arguments = ["--broker", f"redis://127.0.0.1:{port}/3", "worker", "--pool=solo"]
    arguments += ["-n", "one@here", "-Q", "celery,mail"]
    folder = tmp_path_factory.mktemp("worker")
    with subprocess.Popen(
        [sys.executable, "-m", "celery", *arguments, "--without-gossip", "--without-mingle"],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        client = redis.Redis(port=port, db=3, socket_timeout=5)
        wait_for(lambda: client.pubsub_numpat() or client.pubsub_numsub("/3.celery.pidbox")[0][1], seconds=60)
        try:
            yield
        finally:
            client.close()
            process.terminate()


def probe(port: int, **options: object) -> Observation:
    return probing.probe(CELERY, host="127.0.0.1", port=port, database=3, **options)  # type: ignore[arg-type]


def failure(port: int, **options: object) -> str:
    return probing.failure(CELERY, host="127.0.0.1", port=port, **options).message


@pytest.mark.usefixtures("_worker")
class TestWithAWorker:
    def test_workers_that_answer_are_counted_with_their_queues(self, port: int) -> None:
        seen = probe(port, workers=1, queues=["mail"])

        assert seen.values == {"CONNECTED": True, "IP": "127.0.0.1", "WORKERS": 1, "QUEUES": 2}

    def test_nothing_stays_behind_on_the_broker(self, port: int) -> None:
        client = redis.Redis(port=port, db=3, socket_timeout=5)
        before = set(client.keys())
        probe(port)

        assert set(client.keys()) == before
        assert not client.smembers("_kombu.binding.reply.celery.pidbox")
        client.close()

    def test_too_few_workers_fail(self, port: int) -> None:
        assert failure(port, database=3, workers=2, timeout=1) == "1 of 2 workers answer"

    def test_a_queue_without_a_consumer_fails(self, port: int) -> None:
        assert failure(port, database=3, queues=["mail", "sms"], timeout=1) == "no worker consumes sms"

    def test_celery_itself_asks_and_is_answered_as_before(self, port: int) -> None:
        probe(port)
        command = [sys.executable, "-m", "celery", "--broker", f"redis://127.0.0.1:{port}/3", "inspect", "ping"]
        answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)

        assert "one@here" in answer.stdout


def test_without_a_worker_it_fails_at_once(port: int) -> None:
    failed = probing.failure(CELERY, host="127.0.0.1", port=port, database=5, timeout=5)

    assert failed.message == "no worker answers"
    assert failed.duration_us < 2_000_000

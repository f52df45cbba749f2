"""A real Celery worker as its own process, on a database and a broker of its own."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.db import connection

from tests.services import free_port, run_valkey, wait_for

ROOT = Path(__file__).parent.parent.parent


class Worker:
    """A worker with two processes. ``children`` are the processes that run tasks."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self._log = log.open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "core.celery", "worker", "--concurrency", "2",
             "--without-gossip", "--without-mingle"],
            cwd=ROOT, env=environment, stdout=self._log, stderr=self._log, start_new_session=True,
        )  # fmt: skip

    @property
    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    def terminate(self) -> None:
        self.process.terminate()

    def kill_everything(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        self._log.close()


@pytest.fixture
def broker_url(tmp_path: Path) -> Iterator[str]:
    with run_valkey(tmp_path, port=free_port()) as url:
        yield url


@pytest.fixture
def start_worker(tmp_path: Path, broker_url: str, transactional_db: None) -> Iterator[Callable[[], Worker]]:
    """Workers on the test database; what still runs at the end is killed."""
    workers: list[Worker] = []
    environment = {
        **os.environ,
        "QUARTERDECK_REDIS_URL": broker_url,
        "QUARTERDECK_DATABASE_URL": _test_database_url(),
        "QUARTERDECK_PROBE_ALLOW_CIDRS": "127.0.0.0/8",
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path),
    }

    def start() -> Worker:
        workers.append(Worker(environment, tmp_path / "worker.log"))
        wait_for(lambda: len(workers[-1].children) == 2, seconds=40, what="the worker")
        return workers[-1]

    yield start
    for worker in workers:
        worker.kill_everything()


@pytest.fixture
def wake_up(broker_url: str) -> Callable[..., Any]:
    """Send what beat would send: the tick of checks, or the task of this name."""
    from celery import Celery

    app = Celery(broker=broker_url, set_as_current=False)
    app.conf.broker_transport_options = {"global_keyprefix": "quarterdeck:"}
    app.conf.task_default_queue = "default"
    return lambda task="health.tick": app.send_task(task, ignore_result=True)


def _test_database_url() -> str:
    if connection.vendor == "sqlite":
        return f"sqlite:///{connection.settings_dict['NAME']}"
    database = connection.settings_dict
    return f"postgresql://{database['USER']}@{database['HOST']}:{database['PORT']}/{database['NAME']}"

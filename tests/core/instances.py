"""Real instances of Quarterdeck for the tests: ``manage.py serve`` with a data folder and a port of its own."""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
from django.conf import settings

from core.supervisor.static_folder import mark_collected
from tests.services import free_port, wait_for

CODE = Path(__file__).resolve().parents[2]


def instance_environment(data: Path, port: int, **settings: str) -> dict[str, str]:
    """Nothing of the tests' own settings but the database server, in which each data folder gets its database."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("QUARTERDECK_")}
    environment.pop("PROMETHEUS_MULTIPROC_DIR", None)
    environment |= {"QUARTERDECK_DATA_DIR": str(data), "QUARTERDECK_HTTP_PORT": str(port)}
    return environment | {f"QUARTERDECK_{name}": value for name, value in settings.items()}


def seed_static_files(data: Path) -> None:
    """Give a data folder the static files that the tests collected, which saves its first start most of its time."""
    target = data / "static"
    shutil.copytree(settings.STATIC_ROOT, target)
    mark_collected(target)


def create_database() -> dict[str, str]:
    """Settings that name a new database of the tests' PostgreSQL; none on SQLite."""
    server = os.environ.get("QUARTERDECK_DATABASE_URL")
    if server is None:
        return {}
    name = f"instance_{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return {"DATABASE_URL": server.rpartition("/")[0] + f"/{name}"}


def run_serve(data: Path, port: int, **settings: str) -> subprocess.CompletedProcess[str]:
    """A start that is expected to be refused."""
    return subprocess.run(
        [sys.executable, CODE / "manage.py", "serve"],
        env=instance_environment(data, port, **settings), capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


class Instance:
    def __init__(self, data: Path, **settings: str) -> None:
        self.data = data
        self.port = free_port()
        self.settings = settings
        self.url = f"http://127.0.0.1:{self.port}"
        self._console = data.parent / f"{data.name}.console"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._console.open("wb") as console:
            self._process = subprocess.Popen(
                [sys.executable, CODE / "manage.py", "serve"],
                env=instance_environment(self.data, self.port, **self.settings), stdout=console, stderr=console,
            )  # fmt: skip
        wait_for(self._is_up, seconds=120, what="the instance")

    def _is_up(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.console()
        return "Ctrl-C" in self.console()

    @property
    def supervisor(self) -> psutil.Process:
        assert self._process is not None
        return psutil.Process(self._process.pid)

    def console(self) -> str:
        return self._console.read_text()

    def processes(self) -> list[psutil.Process]:
        """Everything below the supervisor."""
        return self.supervisor.children(recursive=True)

    def leader(self, role: str) -> psutil.Process | None:
        """The process of a role that the supervisor itself started."""
        marks = {"worker": " worker ", "scheduler": " beat ", "web": "quarterdeck web", "broker": "valkey"}
        for process in self.supervisor.children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if marks[role] in " ".join(process.cmdline()) or marks[role] in process.name():
                    return process
        return None

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        """Status and body; status 0 when there is no answer."""
        request = urllib.request.Request(self.url + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            return 0, b""

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """Exit code, and the seconds that it took."""
        assert self._process is not None
        started = time.monotonic()
        self._process.send_signal(number)
        code = self._process.wait(20)
        return code, time.monotonic() - started

    def end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.stop()


@contextlib.contextmanager
def running(data: Path, **settings: str) -> Iterator[Instance]:
    instance = Instance(data, **{**create_database(), **settings})
    try:
        instance.start()
        yield instance
    finally:
        instance.end()

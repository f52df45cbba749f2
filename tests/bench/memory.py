"""What each process of a running instance holds in memory, with a thousand HTTP checks every 30 s."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.bench.figures import Figure
from tests.bench.target import run_target
from tests.core.instances import Instance, instance_environment, running

BUDGET_MB = 300
CHECKS = 1_000
INTERVAL_SECONDS = 30
RUNS_SECONDS = 12
LOOPBACK = {"PROBE_ALLOW_CIDRS": "127.0.0.0/8,::1/128", "LOG_LEVEL": "info"}


def measure_memory() -> Iterator[Figure]:
    with (
        tempfile.TemporaryDirectory(prefix="qd-", dir="/tmp") as folder,
        run_target() as target,
        running(Path(folder) / "data", **LOOPBACK) as instance,
    ):
        seed(instance, checks=CHECKS, interval_seconds=INTERVAL_SECONDS, url=target.url)
        time.sleep(RUNS_SECONDS)
        for path in ("/login", "/metrics") * 20:
            instance.get(path)
        for role, size in resident_mb(instance).items():
            yield Figure(f"Memory of the {role}, {CHECKS:,} checks", "MB", size, budget=BUDGET_MB)


def seed(
    instance: Instance, *, checks: int, interval_seconds: int, url: str, queues: int = 0, queues_url: str = ""
) -> None:
    """Write healthy HTTP checks, and queues, into the instance's database, their slots spread over the interval."""
    environment = instance_environment(instance.data, instance.port, **instance.settings)
    environment["DJANGO_SETTINGS_MODULE"] = "core.settings"
    command = [sys.executable, "-m", "tests.bench.seed", str(checks), str(interval_seconds), url]
    command += [str(queues), queues_url] if queues else []
    subprocess.run(command, env={**os.environ, **environment}, check=True)


def resident_mb(instance: Instance) -> dict[str, float]:
    """By role the largest process, the pages that it shares with others included."""
    found: dict[str, float] = defaultdict(float)
    for process in [instance.supervisor, *instance.processes()]:
        with contextlib.suppress(psutil.NoSuchProcess):
            role = role_of(process)
            found[role] = max(found[role], process.memory_info().rss / 1e6)
    return dict(sorted(found.items()))


def role_of(process: psutil.Process) -> str:
    line = f"{process.name()} {' '.join(process.cmdline())}"
    marks = {" worker ": "worker", "celeryd": "worker", " beat ": "scheduler", "web": "web server", "valkey": "broker"}
    found = next((role for mark, role in marks.items() if mark in line), None)
    return found or ("supervisor" if "serve" in line else process.name())

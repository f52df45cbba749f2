"""``python -m tests.bench.endurance``: a real instance under a large fleet, for minutes.

By default 10,000 HTTP checks every 30 s for 10 minutes on SQLite, and no queues. It reports how late slots started,
whether any was missed, how long the overview took to answer once a second, and the memory of each process.
"""

import argparse
import contextlib
import http.client
import re
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlencode

import psycopg

from tests.bench.figures import Figure, write_json
from tests.bench.memory import LOOPBACK, resident_mb, role_of, seed
from tests.bench.target import run_target
from tests.core.instances import Instance, running
from tests.services import free_port, run_postgres, run_valkey

PASSWORD = "endurance-of-the-bench"
SETTLING_SECONDS = 10
UNDER_WAY_SECONDS = 5
"""What is due in the last moments may have no result yet, and is not looked for."""
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


def main() -> None:
    arguments = _parse()
    with contextlib.ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="qd-", dir="/tmp", ignore_cleanup_errors=True))
        )
        target = stack.enter_context(run_target())
        settings = {**LOOPBACK, "ADMIN_PASSWORD": PASSWORD}
        if arguments.database == "postgresql":
            settings["DATABASE_URL"] = stack.enter_context(run_postgres(folder))
        instance = stack.enter_context(running(folder / "data", **settings))
        queues_url = stack.enter_context(run_valkey(folder, port=free_port())) if arguments.queues else ""
        seed(
            instance, checks=arguments.checks, interval_seconds=arguments.interval, url=target.url,
            queues=arguments.queues, queues_url=queues_url,
        )  # fmt: skip
        figures = list(_observe(instance, arguments))
        write_json(Path(arguments.output), figures)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.endurance", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--checks", type=int, default=10_000)
    parser.add_argument("--interval", type=int, default=30, help="seconds")
    parser.add_argument("--queues", type=int, default=0, help="lists on a Valkey, looked at each minute")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--output", default="endurance.json")
    return parser.parse_args()


def _observe(instance: Instance, arguments: argparse.Namespace) -> Iterator[Figure]:
    browser = Visitor(instance.port)
    browser.sign_in("admin", PASSWORD)
    time.sleep(SETTLING_SECONDS)
    started, cpu = time.time(), _cpu_seconds(instance)
    answers: list[float] = []
    peak: dict[str, float] = {}
    ends_at = time.monotonic() + arguments.minutes * 60
    while time.monotonic() < ends_at:
        asked = time.perf_counter()
        browser.get("/")
        answers.append((time.perf_counter() - asked) * 1000)
        for role, size in resident_mb(instance).items():
            peak[role] = max(size, peak.get(role, 0))
        time.sleep(max(0.0, 1 - (time.perf_counter() - asked)))
    until, used = time.time(), _cpu_seconds(instance)
    late = _read(instance, "SELECT late_ms FROM ops_checkresult WHERE slot_ms BETWEEN %s AND %s", started, until)
    missed = _read(instance, "SELECT missed_slots FROM ops_checkstate WHERE %s < %s", started, until)
    expected = arguments.checks * (until - started - UNDER_WAY_SECONDS) / arguments.interval
    for figure in (
        *(_queues(instance, arguments, started, until) if arguments.queues else ()),
        Figure("Slots run", "of those due", len(late) / expected),
        Figure("Slots missed", "slots", sum(missed)),
        *_percentiles("Lateness", late, budget_p95=2_000),
        *_percentiles("Overview answered", answers, budget_p95=100),
        *(Figure(f"Memory of the {role}, resident", "MB", size, budget=300) for role, size in sorted(peak.items())),
        *(
            Figure(f"CPU of the {role}", "ms a check", (used[role] - cpu.get(role, 0)) * 1000 / len(late))
            for role in used
        ),
    ):
        sys.stdout.write(
            f"{figure.name:<40} {figure.value:10.3g} {figure.unit}{'  MISSED' if figure.ok is False else ''}\n"
        )
        yield figure


def _queues(instance: Instance, arguments: argparse.Namespace, started: float, until: float) -> Iterator[Figure]:
    looks = _read(instance, "SELECT size FROM ops_queuesample WHERE at_ms BETWEEN %s AND %s", started, until)
    missed = _read(instance, "SELECT missed_slots FROM ops_queuestate WHERE %s < %s", started, until)
    expected = arguments.queues * (until - started - UNDER_WAY_SECONDS) / 60
    yield Figure("Looks at queues", "of those due", len(looks) / expected)
    yield Figure("Looks at queues missed", "slots", sum(missed))


def _percentiles(name: str, values: Sequence[float], *, budget_p95: float) -> Iterator[Figure]:
    cuts = statistics.quantiles(values, n=100)
    for share, budget in ((50, None), (95, budget_p95), (99, None)):
        yield Figure(f"{name}, p{share}", "ms", cuts[share - 1], budget=budget)
    yield Figure(f"{name}, most", "ms", max(values))


def _cpu_seconds(instance: Instance) -> dict[str, float]:
    """By role, of all its processes."""
    found: dict[str, float] = {}
    for process in [instance.supervisor, *instance.processes()]:
        role = role_of(process)
        times = process.cpu_times()
        found[role] = found.get(role, 0) + times.user + times.system
    return found


def _read(instance: Instance, statement: str, first: float, last: float) -> list[int]:
    bounds = (int(first * 1000), int((last - UNDER_WAY_SECONDS) * 1000))
    if (url := instance.settings.get("DATABASE_URL")) is not None:
        with psycopg.connect(url) as server:
            return [row[0] for row in server.execute(statement.encode(), bounds)]
    with contextlib.closing(sqlite3.connect(instance.data / "quarterdeck.sqlite3", timeout=30)) as file:
        return [row[0] for row in file.execute(statement.replace("%s", "?"), bounds)]


class Visitor:
    """A person with a browser that keeps its connection and its cookies."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._cookies: dict[str, str] = {}

    def sign_in(self, username: str, password: str) -> None:
        token = _TOKEN.search(self.get("/login"))
        assert token is not None
        fields = {"username": username, "password": password, "csrfmiddlewaretoken": token[1]}
        status, _body = self._ask("POST", "/login", urlencode(fields))
        assert status == 302, status

    def get(self, path: str) -> str:
        status, body = self._ask("GET", path, None)
        assert status == 200, (path, status)
        return body

    def _ask(self, method: str, path: str, body: str | None) -> tuple[int, str]:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        for cookie in response.headers.get_all("Set-Cookie", []):
            name, _, value = cookie.partition(";")[0].partition("=")
            self._cookies[name] = value
        return response.status, response.read().decode()


if __name__ == "__main__":
    main()

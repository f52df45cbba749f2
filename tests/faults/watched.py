"""A real instance that checks a target of this machine every two seconds, seen from outside and in its database."""

import contextlib
import http.cookiejar
import re
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg

from tests.core.instances import CODE, Instance, instance_environment, running, seed_static_files
from tests.ops.health.targets import Target, answer, run_target
from tests.services import wait_for

CHECKS = 4
INTERVAL_MS = 2_000
PASSWORD = "correct-horse-battery"
CATALOGUE = """apiVersion: quarterdeck/v1
entities:
"""
ENTITY = """  - name: watched-{number}
    kind: service
    checks: [{{name: http, kind: http, url: "{url}", interval: 2s, timeout: 1s}}]
"""


OURS = (
    "SELECT id FROM ops_check WHERE name = 'http' "
    "AND entity_id IN (SELECT id FROM entities_entity WHERE name LIKE 'watched-%')"
)
"""The ids of the checks of the catalogue above."""


class Watched:
    """``instance`` with ``CHECKS`` checks of ``target``; ``get`` asks as a signed-in administrator."""

    def __init__(self, instance: Instance, target: Target) -> None:
        self.instance = instance
        self.target = target
        self.environment = instance_environment(instance.data, instance.port, **instance.settings)
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()), urllib.request.ProxyHandler({})
        )

    def prepare(self, folder: Path) -> None:
        """Apply the catalogue, sign in, and wait for the first results."""
        file = folder / "watched.yaml"
        file.write_text(CATALOGUE + "".join(ENTITY.format(number=n, url=self.target.url) for n in range(CHECKS)))
        command = [sys.executable, str(CODE / "manage.py"), "catalog", "apply", str(file)]
        subprocess.run(command, env=self.environment, check=True, stdout=subprocess.DEVNULL)
        form = self.get("/login")[1].decode()
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
        assert token is not None
        fields = {"csrfmiddlewaretoken": token[1], "username": "admin", "password": PASSWORD}
        assert self.get("/login", urllib.parse.urlencode(fields).encode())[0] == 200
        self.wait_for_results(seconds=60)
        wait_for(lambda: self.get("/readyz")[0] == 200, seconds=30, what="readiness")

    def get(self, path: str, data: bytes | None = None) -> tuple[int, bytes, float]:
        """Status, body and seconds; redirects are followed."""
        started = time.monotonic()
        try:
            with self._opener.open(self.instance.url + path, data, timeout=15) as response:
                return response.status, response.read(), time.monotonic() - started
        except urllib.error.HTTPError as error:
            return error.code, error.read(), time.monotonic() - started
        except OSError:
            return 0, b"", time.monotonic() - started

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self._database() as database:
            return list(database.execute(sql).fetchall())

    def execute(self, sql: str) -> None:
        with self._database() as database:
            database.execute(sql)
            database.commit()

    def _database(self) -> contextlib.AbstractContextManager[Any]:
        url = self.environment.get("QUARTERDECK_DATABASE_URL")
        if url is None:
            return contextlib.closing(sqlite3.connect(self.instance.data / "quarterdeck.sqlite3", timeout=20))
        return psycopg.connect(url)

    def family(self, role: str) -> list[psutil.Process]:
        leader = wait_for(lambda: self.instance.leader(role), what=f"the {role}")
        return [leader, *leader.children(recursive=True)]

    @contextlib.contextmanager
    def frozen(self, *roles: str) -> Iterator[None]:
        """SIGSTOP to every process of the roles, and SIGCONT at the end."""
        with stopped([process for role in roles for process in self.family(role)]):
            yield

    def wait_for_results(self, *, seconds: float) -> None:
        """Until each check has a result of a slot that comes after now."""
        now = time.time_ns() // 1_000_000
        sql = f"SELECT count(DISTINCT check_id) FROM ops_checkresult WHERE slot_ms > {now} AND check_id IN ({OURS})"
        wait_for(lambda: self.rows(sql)[0][0] == CHECKS, seconds=seconds, what="new results of each check")

    def assert_every_slot_has_one_result_or_is_counted(self) -> None:
        """No slot twice, none skipped in silence, none off the grid."""
        states = self.rows(f"SELECT check_id, missed_slots FROM ops_checkstate WHERE check_id IN ({OURS})")
        assert len(states) == CHECKS
        for check_id, missed in states:
            results = self.rows(f"SELECT slot_ms FROM ops_checkresult WHERE check_id = {check_id} ORDER BY slot_ms")
            slots = [slot for (slot,) in results]
            assert len(slots) == len(set(slots))
            assert {(slot - slots[0]) % INTERVAL_MS for slot in slots} == {0}
            passed = (slots[-1] - slots[0]) // INTERVAL_MS + 1
            # A claim counts what it passes when it is made; the latest one may have no result yet.
            assert len(slots) <= passed <= len(slots) + missed

    def assert_blind(self, cause: str, *, seconds: float) -> None:
        """The page says so, readiness fails, and the checks are unknown."""
        text = f"Quarterdeck is blind: {cause}".encode()
        wait_for(lambda: text in self.get("/")[1], seconds=seconds, what=f"the banner: {cause}")
        assert self.get("/readyz")[0] == 503

    def assert_unknown(self, *, seconds: float) -> None:
        wait_for(
            lambda: self.get("/api/v1/checks?status=unknown&kind=http&q=watched")[1].count(b'"chk_') >= CHECKS,
            seconds=seconds,
            what="unknown checks",
        )


@contextlib.contextmanager
def stopped(processes: list[psutil.Process]) -> Iterator[None]:
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


@contextlib.contextmanager
def watched(folder: Path, **settings: str) -> Iterator[Watched]:
    seed_static_files(folder / "data")
    settings = {"PROBE_ALLOW_CIDRS": "127.0.0.0/8", "ADMIN_PASSWORD": PASSWORD, **settings}
    with run_target(answer()) as target, running(folder / "data", **settings) as instance:
        one = Watched(instance, target)
        one.prepare(folder)
        yield one


def family_of(pid: int) -> list[psutil.Process]:
    leader = psutil.Process(pid)
    return [leader, *leader.children(recursive=True)]

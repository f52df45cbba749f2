"""Stores that are away for half a minute, seen through a real instance. Each test quotes the promise that it holds."""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.watched import CHECKS, OURS, Watched, family_of, stopped, watched
from tests.services import free_port, run_postgres, run_valkey, wait_for

pytestmark = pytest.mark.long

AWAY_SECONDS = 30
PROMISED_SECONDS = 5.0
PAGES = ("/", "/entities", "/checks", "/entities/watched-0", "/new/entity", "/new/check")
API = ("/api/v1/entities", "/api/v1/checks", "/api/v1/entities/watched-0", "/api/v1/teams")


def test_a_broker_that_is_away_and_comes_back_empty_loses_nothing(tmp_path: Path) -> None:
    """Losing all of Redis: "costs latency, never data"; a broker that hangs: "every page and API call ends within
    5 s"."""
    port = free_port()
    with contextlib.ExitStack() as broker:
        url = broker.enter_context(run_valkey(tmp_path, port=port))
        with watched(tmp_path, REDIS_URL=url) as one:
            known = one.rows("SELECT count(*) FROM ops_checkresult")[0][0]
            broker.close()
            for child in one.family("worker")[1:]:
                child.kill()  # one that is at work goes on without being woken
            away_until = time.monotonic() + AWAY_SECONDS
            while time.monotonic() < away_until:
                for path in (*PAGES, *API, "/metrics"):
                    status, _, seconds = one.get(path)
                    assert (path, status, seconds < PROMISED_SECONDS) == (path, 200, True)
            one.assert_blind("the broker has been gone", seconds=10)

            with run_valkey(tmp_path, port=port):
                one.wait_for_results(seconds=20)
                wait_for(lambda: b"Quarterdeck is blind" not in one.get("/")[1], seconds=20, what="the banner's end")
                assert one.rows("SELECT count(*) FROM ops_checkresult")[0][0] > known
                one.assert_every_slot_has_one_result_or_is_counted()


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[tuple[str, int]]:
    """Its URL and the process id of its postmaster."""
    folder = tmp_path / "pg"
    folder.mkdir()
    for part in (folder, *folder.parents):
        if str(part).startswith("/tmp/") and part.stat().st_uid == os.getuid():
            part.chmod(0o711)
    with run_postgres(folder) as url:
        yield url, int((folder / "pgdata" / "postmaster.pid").read_text().splitlines()[0])


def test_a_database_that_is_frozen_is_told_in_time_and_forgotten_soon(
    own_postgres: tuple[str, int], tmp_path: Path
) -> None:
    """A database that hangs: "every page and API call ends within 5 s, 503 with a problem body"; scheduling: "one
    result at most per (check, slot); a missed slot is counted"."""
    url, postmaster = own_postgres
    with watched(tmp_path, DATABASE_URL=url) as one:
        with stopped(family_of(postmaster)):
            away_until = time.monotonic() + AWAY_SECONDS
            while time.monotonic() < away_until:
                assert_all_refused_in_time(one)
            assert one.get("/healthz")[0] == 200

        one.wait_for_results(seconds=40)
        wait_for(lambda: one.get("/readyz")[0] == 200, seconds=20, what="readiness")
        assert one.get("/")[0] == 200
        assert one.rows(f"SELECT check_id FROM ops_checkstate WHERE status <> 0 AND check_id IN ({OURS})") == []
        ill = "SELECT check_id FROM ops_checkstate WHERE status <> 0 AND next_due_ms IS NOT NULL"
        wait_for(lambda: not one.rows(ill), seconds=60, what="health of Quarterdeck's own parts")
        one.assert_every_slot_has_one_result_or_is_counted()
        assert len(one.rows("SELECT id FROM entities_entity WHERE name LIKE 'watched-%'")) == CHECKS


def assert_all_refused_in_time(one: Watched) -> None:
    """Twice as many requests at once as the web server has threads."""
    paths = [*PAGES, *API, *PAGES]
    with ThreadPoolExecutor(len(paths)) as readers:
        answers = list(readers.map(one.get, paths))
    for path, (status, body, seconds) in zip(paths, answers, strict=True):
        assert (path, status, seconds < PROMISED_SECONDS) == (path, 503, True), seconds
        if path.startswith("/api/"):
            assert json.loads(body)["code"] == "unavailable"
        else:
            assert b"does not answer in time" in body

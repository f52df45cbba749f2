"""Stores that keep their connections and say nothing any more: nothing waits for them longer than promised."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings
from django.test import Client

from core.postgresql import ANSWER_TIMEOUT_SECONDS, BoundedConnection
from tests.core.instances import create_database, running
from tests.faults.proxy import FreezingProxy
from tests.services import free_port, run_valkey, wait_for


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[FreezingProxy]:
    port = free_port()
    with run_valkey(tmp_path, port=port), FreezingProxy(port) as proxy:
        yield proxy


@pytest.fixture
def database(on_postgresql: bool) -> Iterator[FreezingProxy]:
    if not on_postgresql:
        pytest.skip("SQLite is a file: there is no server that could hang")
    port = urlsplit(os.environ["QUARTERDECK_DATABASE_URL"]).port
    assert port is not None
    with FreezingProxy(port) as proxy:
        yield proxy


@pytest.mark.django_db(transaction=True)
def test_readiness_answers_in_time_while_the_broker_hangs(
    client: Client, broker: FreezingProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "REDIS_URL", f"redis://127.0.0.1:{broker.port}/0")
    assert client.get("/readyz").json()["checks"]["broker:responseTime"][0]["status"] == "pass"
    broker.freeze()
    started = time.monotonic()

    response = client.get("/readyz")

    assert time.monotonic() - started < 8
    assert response.status_code == 503
    assert response.json()["checks"]["broker:responseTime"][0]["status"] == "fail"
    assert response.json()["checks"]["database:responseTime"][0]["status"] == "pass"


def test_a_statement_gives_up_when_the_server_stops_answering(database: FreezingProxy) -> None:
    with BoundedConnection.connect(f"postgresql://quarterdeck@127.0.0.1:{database.port}/postgres") as connection:
        connection.execute("SELECT 1")
        database.freeze()
        started = time.monotonic()

        with pytest.raises(psycopg.OperationalError, match="no answer within"):
            connection.execute("SELECT 1")

        assert time.monotonic() - started < ANSWER_TIMEOUT_SECONDS + 5
        assert connection.closed


def test_every_answer_comes_in_time_while_the_database_hangs(database: FreezingProxy, tmp_path: Path) -> None:
    direct = urlsplit(create_database()["DATABASE_URL"])
    through_proxy = direct._replace(netloc=f"quarterdeck@127.0.0.1:{database.port}").geturl()
    with running(tmp_path / "data", DATABASE_URL=through_proxy) as instance:
        token = {"Authorization": "Bearer qd_unknown"}
        session = {"Cookie": f"quarterdeck_session_{instance.port}={'x' * 32}"}
        assert instance.get("/api/v1/entities", **token)[0] == 401
        database.freeze()

        for path, headers, limit in (
            ("/readyz", {}, 8),
            ("/api/v1/entities", token, 10),
            ("/", session, 10),
            ("/", session, 10),
        ):
            started = time.monotonic()
            status, body = instance.get(path, **headers)
            assert (path, status) == (path, 503)
            assert time.monotonic() - started < limit, path
            assert b"Traceback" not in body
        assert instance.get("/healthz")[0] == 200

        database.thaw()
        wait_for(lambda: instance.get("/api/v1/entities", **token)[0] == 401, seconds=20, what="the database")


def test_pages_answer_in_time_while_the_broker_hangs(broker: FreezingProxy, tmp_path: Path) -> None:
    with running(tmp_path / "data", REDIS_URL=f"redis://127.0.0.1:{broker.port}/0") as instance:
        broker.freeze()

        for path, status in (("/login", 200), ("/metrics", 200), ("/healthz", 200), ("/readyz", 503)):
            started = time.monotonic()
            assert instance.get(path)[0] == status
            assert time.monotonic() - started < 10, path
        code, seconds = instance.stop()
        assert (code, seconds < 10) == (0, True)


def test_the_schedule_goes_on_soon_after_a_long_silence_of_the_broker(broker: FreezingProxy, tmp_path: Path) -> None:
    with running(tmp_path / "data", REDIS_URL=f"redis://127.0.0.1:{broker.port}/0") as instance:
        wait_for(lambda: instance.get("/readyz")[0] == 200, seconds=30, what="the first pulses")
        broker.freeze()
        wait_for(lambda: b"last seen" in instance.get("/readyz")[1], seconds=30, what="a worker without ticks")
        assert json.loads(instance.get("/readyz")[1])["checks"]["scheduler:age"][0]["status"] == "pass"

        broker.thaw()

        wait_for(lambda: instance.get("/readyz")[0] == 200, seconds=30, what="ticks and their worker")

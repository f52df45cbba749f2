"""Stores that keep their connections and say nothing any more: nothing waits for them longer than promised."""

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
from tests.faults.proxy import FreezingProxy
from tests.services import free_port, run_valkey


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

    assert time.monotonic() - started < 3
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

        assert time.monotonic() - started < ANSWER_TIMEOUT_SECONDS + 0.5
        assert connection.closed

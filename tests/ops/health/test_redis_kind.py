"""The ``redis`` kind against a Valkey."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from pydantic import ValidationError

from ops.health.checks.redis import RedisConfig, RedisKind
from ops.probing.probe import Observation
from tests.ops.health import probing
from tests.services import free_port, run_valkey, wait_for

REDIS = RedisKind()


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with run_valkey(tmp_path_factory.mktemp("valkey"), port=free_port()) as url:
        yield int(url.rpartition(":")[2].partition("/")[0])


@pytest.fixture
def server(port: int) -> Iterator[redis.Redis]:
    """The Valkey to set up; it is as it was afterwards."""
    client = redis.Redis(port=port, socket_timeout=5, single_connection_client=True)
    yield client
    client.config_set("requirepass", "")
    client.config_set("maxmemory", 0)
    client.close()


def probe(port: int, **options: Any) -> Observation:
    return probing.probe(REDIS, host="127.0.0.1", port=port, **options)


def failure(port: int, **options: Any) -> str:
    return probing.failure(REDIS, host="127.0.0.1", port=port, **options).message


def test_a_server_that_answers_is_seen_with_its_role_and_memory(port: int) -> None:
    seen = probe(port, role="primary")

    assert seen.values.keys() == {"CONNECTED", "IP", "ROLE", "MEMORY_USED"}
    assert seen.values["ROLE"] == "primary"
    assert seen.values["MEMORY_USED"] > 100_000
    assert set(seen.phases) == {"resolve", "connect", "receive"}


def test_the_share_of_memory_is_that_of_the_limit(port: int, server: redis.Redis) -> None:
    server.config_set("maxmemory", 100_000_000)

    assert 0.1 < probe(port).values["MEMORY_SHARE"] < 50


def test_another_role_than_expected_fails(port: int) -> None:
    assert failure(port, role="replica") == "is a primary, not a replica"


def test_a_replica_is_told_with_its_link(port: int, tmp_path: Path) -> None:
    with run_valkey(tmp_path, port=free_port()) as url:
        replica = redis.Redis.from_url(url)
        replica.replicaof("127.0.0.1", port)
        wait_for(lambda: replica.info("replication")["master_link_status"] == "up", what="the replication")
        replica_port = int(url.rpartition(":")[2].partition("/")[0])
        values = probe(replica_port, role="replica").values
        replica.close()

    assert (values["ROLE"], values["REPLICA_LINK"]) == ("replica", "up")


def test_a_password_signs_in(port: int, server: redis.Redis) -> None:
    server.config_set("requirepass", "hush")

    assert probe(port, password="hush").values["CONNECTED"] is True
    assert probe(port, username="default", password="hush").values["CONNECTED"] is True
    assert "AUTH is refused: WRONGPASS" in failure(port, password="wrong-one")
    assert "wrong-one" not in failure(port, password="wrong-one")
    assert "NOAUTH" in failure(port)


def test_a_server_without_tls_fails_the_handshake(port: int) -> None:
    assert failure(port, tls=True, timeout=2) in {
        "TLS handshake failed",
        "connection reset by peer",
        "timed out after 2 s while in the TLS handshake",
    }


def test_a_username_needs_a_password() -> None:
    with pytest.raises(ValidationError, match="needs a password"):
        RedisConfig(host="h", username="u")

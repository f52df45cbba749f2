from collections.abc import Iterator

import pytest
import redis

from tests.services import free_port, run_valkey


@pytest.fixture(scope="package")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Valkey on a loopback port, without a database."""
    with run_valkey(tmp_path_factory.mktemp("valkey"), port=free_port()) as url:
        yield url.rpartition("/")[0]


@pytest.fixture
def server(broker: str) -> Iterator[redis.Redis]:
    """Its database 0, empty before and after."""
    client = redis.Redis.from_url(broker, socket_timeout=20)
    client.flushdb()
    yield client
    client.config_set("requirepass", "")
    client.flushdb()
    client.close()

"""A Valkey, sources on it, and queues that are looked at by the real sampler."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from core.clock import database_now_ms
from core.egress import current_policy
from core.permissions import Principal
from entities.models import Entity
from ops.queues.definition import parse_queue
from ops.queues.engine.sampling import SampledQueues
from ops.queues.exposition import forget_rendered
from ops.queues.models import Queue, QueueState
from ops.queues.selectors.totals import forget_trend
from ops.queues.services import create_queue
from ops.queues.sources import SOURCES
from ops.queues.sources.source import Reading
from ops.sampling.sampler import Sampler
from tests.ops.queues.list_source import ListSource, ReadOnlySource
from tests.services import free_port, run_valkey


@pytest.fixture(scope="session")
def valkey_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with run_valkey(tmp_path_factory.mktemp("queues"), port=free_port()) as url:
        yield int(url.rpartition(":")[2].partition("/")[0])


@pytest.fixture
def broker(valkey_port: int) -> Iterator[redis.Redis]:
    client = redis.Redis(port=valkey_port, socket_timeout=20)
    yield client
    client.flushall()
    client.close()


@pytest.fixture(autouse=True)
def told() -> Iterator[ReadOnlySource]:
    """The sources of the tests are registered while one runs; this one says what it is told to."""
    source = ReadOnlySource()
    SOURCES.register(ListSource.name, ListSource())
    SOURCES.register(source.name, source)
    forget_rendered()
    forget_trend()
    yield source
    for name in (ListSource.name, source.name):
        del SOURCES._items[name]


@pytest.fixture
def shop(db: None) -> Entity:
    return Entity.objects.create(name="shop", kind="service")


@pytest.fixture
def make_queue(shop: Entity, editor: Principal) -> Callable[..., Queue]:
    def make(name: str = "emails", *, entity: Entity | None = None, **fields: Any) -> Queue:
        definition = parse_queue({"name": name, "kind": "test-told", **fields})
        saved = create_queue(principal=editor, entity_ref=(entity or shop).name, definition=definition)
        return Queue.objects.get(pk=saved.id)

    return make


@pytest.fixture
def look() -> Iterator[Callable[[], int]]:
    """Make every queue that is not paused due now, and look at all of them."""
    sampler = Sampler(SampledQueues(), current_policy())

    def run() -> int:
        running = QueueState.objects.exclude(next_due_ms=None)
        running.update(next_due_ms=database_now_ms(), lease_until_ms=0)
        return sampler.run_due()

    yield run
    sampler.close()


@pytest.fixture
def see(told: ReadOnlySource, look: Callable[[], int]) -> Callable[..., QueueState]:
    """One look that sees this; how the only queue stands then."""

    def run(**seen: Any) -> QueueState:
        told.says = Reading(**seen)
        assert look() == 1
        return QueueState.objects.get()

    return run


@pytest.fixture
def push(broker: redis.Redis) -> Callable[..., str]:
    def run(key: str, *, age_seconds: float = 0, **fields: Any) -> str:
        text = json.dumps({"at": time.time() - age_seconds, **fields})
        broker.rpush(key, text)
        return text

    return run

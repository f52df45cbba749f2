"""Brokers and metrics pages that hang, drip, lie and flood, all at once: sampling gets away from each, and their
neighbour suffers nothing.

The promise: "A target can hang, drip, lie or flood", for the sources of queues and of breakers.
"""

import contextlib
import itertools
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.clock import database_now_ms
from core.egress import current_policy
from core.permissions import system_principal
from entities.models import Entity
from ops.breakers.definition import parse_source
from ops.breakers.models import BreakerSourceState
from ops.breakers.sampling import BreakerSampling
from ops.breakers.services import create_source
from ops.queues.definition import parse_queue
from ops.queues.engine.sampling import SampledQueues
from ops.queues.models import QueueSample, QueueState
from ops.queues.services import create_queue
from ops.sampling.sampler import Sampler
from ops.signals.domain import Status
from tests.faults.test_hostile_targets import drip as drip_page
from tests.faults.test_hostile_targets import flood_without_length, headers_of
from tests.ops.health.peers import Speak, run_peer
from tests.ops.health.targets import Behaviour, Target, answer, hang, run_target
from tests.services import free_port, run_valkey

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]

TIMEOUT_MS = 1_500
TURN_SECONDS = 6.0
MEMORY_BYTES = 100_000_000
"""What all of them together may make the process grow by; each flood is of gigabytes."""
MEBIBYTE = b"x" * 1_048_576


def say_nothing(connection: socket.socket) -> None:
    while connection.recv(65_536):
        pass


def drip(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.sendall(b"$100000\r\n")
    with contextlib.suppress(TimeoutError):
        connection.settimeout(0.02)
        while True:
            connection.sendall(b"x")
            with contextlib.suppress(TimeoutError):
                connection.recv(1)


def flood_of_one_text(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.sendall(b"$500000000\r\n")
    for _ in itertools.repeat(None, 4_096):
        connection.sendall(MEBIBYTE)


def flood_of_texts(connection: socket.socket) -> None:
    connection.recv(65_536)
    text = b"$262144\r\n" + MEBIBYTE[:262_144] + b"\r\n"
    for _ in itertools.repeat(None, 100):
        connection.sendall(b"*1000\r\n")
        for _ in itertools.repeat(None, 1_000):
            connection.sendall(text)


def flood_without_lines(connection: socket.socket) -> None:
    connection.recv(65_536)
    for _ in itertools.repeat(None, 4_096):
        connection.sendall(MEBIBYTE)


HOSTILE: dict[str, Speak] = {
    "hangs": say_nothing,
    "drips": drip,
    "one long text": flood_of_one_text,
    "many texts": flood_of_texts,
    "no lines": flood_without_lines,
}


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[int]:
    port = free_port()
    with run_valkey(tmp_path, port=port):
        yield port


@pytest.fixture
def shop() -> Entity:
    return Entity.objects.create(name="shop", kind="service")


def make_queue(name: str, port: int, kind: str, **fields: Any) -> int:
    key = {"key": name} if kind == "redis" else {"queue": name}
    common = {"name": name.replace(" ", "-"), "kind": kind, "timeout": f"{TIMEOUT_MS}ms", **fields}
    definition = parse_queue({**common, "url": f"redis://127.0.0.1:{port}/0", **key})
    return create_queue(principal=system_principal("tests"), entity_ref="shop", definition=definition).id


def make_source(name: str, url: str, **fields: Any) -> int:
    common = {"name": name, "kind": "scrape", "timeout": f"{TIMEOUT_MS}ms", "url": url}
    definition = parse_source({**common, **fields})
    return create_source(principal=system_principal("tests"), entity_ref="shop", definition=definition).id


def run_turn(sampler: Sampler[Any, Any]) -> int:
    """Bytes by which the process grew meanwhile."""
    memory = psutil.Process().memory_info().rss
    sampler.run_due(turn_seconds=TURN_SECONDS)
    sampler.close()
    return psutil.Process().memory_info().rss - memory


@pytest.mark.parametrize("kind", ["redis", "celery"])
def test_each_broker_ends_in_time_with_its_reason_and_takes_nothing_from_its_neighbour(
    kind: str, shop: Entity, valkey: int
) -> None:
    with contextlib.ExitStack() as peers:
        ids = {
            name: make_queue(name, peers.enter_context(run_peer(speak)), kind, interval="1h")
            for name, speak in HOSTILE.items()
        }
        fine = make_queue("fine", valkey, "redis", interval="1s")
        QueueState.objects.update(next_due_ms=database_now_ms())

        grown = run_turn(Sampler(SampledQueues(), current_policy()))

    states = {name: QueueState.objects.get(pk=pk) for name, pk in ids.items()}
    assert {name: state.last_at_ms is not None for name, state in states.items()} == dict.fromkeys(ids, True)
    assert {name: state.status for name, state in states.items()} == dict.fromkeys(ids, Status.UNKNOWN)
    assert {name for name, state in states.items() if not state.message} == set()
    assert "timed out" in states["hangs"].message
    assert "timed out" in states["drips"].message
    assert states["many texts"].message == "the answers are over 32 MiB"
    assert not QueueSample.objects.exclude(queue_id=fine).exists()
    assert QueueSample.objects.filter(queue_id=fine).count() >= 2
    assert QueueState.objects.get(pk=fine).status == Status.HEALTHY
    assert grown < MEMORY_BYTES


def test_each_page_ends_in_time_with_its_reason_and_takes_nothing_from_its_neighbour(shop: Entity) -> None:
    page = b'resilience4j_circuitbreaker_state{name="payments",state="open"} 1\n'
    hostile: dict[str, Callable[[Target], Behaviour]] = {
        "hangs": hang,
        "drips": drip_page,
        "floods": lambda _target: flood_without_length,
        "headers": lambda _target: headers_of(10_000_000),
        "lies": lambda _target: answer("200 OK", b"\0\xff{}" * 200_000),
    }
    with contextlib.ExitStack() as targets:
        ids = {}
        for name, make in hostile.items():
            target = targets.enter_context(run_target(answer()))
            target.behave = make(target)
            ids[name] = make_source(name, target.url, interval="1h")
        neighbour = targets.enter_context(run_target(answer("200 OK", page)))
        fine = make_source("fine", neighbour.url, interval="1s")
        BreakerSourceState.objects.update(next_due_ms=database_now_ms())

        grown = run_turn(Sampler(BreakerSampling(), current_policy()))

    states = {name: BreakerSourceState.objects.get(pk=pk) for name, pk in ids.items()}
    assert {name for name, state in states.items() if state.last_at_ms is None} == set()
    assert "timed out" in states["hangs"].failure
    assert "timed out" in states["drips"].failure
    assert "the body is over" in states["floods"].failure
    assert "the headers are over" in states["headers"].failure
    assert states["lies"].breakers == 0
    state = BreakerSourceState.objects.get(pk=fine)
    assert (state.failure, state.breakers) == ("", 1)
    assert len(neighbour.requests) >= 2
    assert grown < MEMORY_BYTES

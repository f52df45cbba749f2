"""Targets that hang, drip, lie and flood, all at once: the engine gets away from each, and their neighbour suffers
nothing.

The promise: "A target can hang, drip, lie or flood: total deadline, 1 MiB body, header cap, decompression cap",
"redirects (at most 3)".
"""

import contextlib
import gzip
import ipaddress
import socket
import time
from collections.abc import Iterator

import psutil
import pytest

from core.egress import AddressPolicy
from ops.health.engine.probing import Prober
from ops.health.engine.spine import Engine
from ops.health.models import Check, CheckResult
from ops.signals.domain import Status
from tests.ops.health.factories import make_check, make_http_check, state_of
from tests.ops.health.targets import Behaviour, Target, answer, hang, run_target

pytestmark = pytest.mark.django_db

TIMEOUT_MS = 1_500
GIBIBYTE = 1_073_741_824
MEMORY_BYTES = 48_000_000
"""What all of them together may make the process grow by; the bomb alone would unpack to 256 MB."""


def drip(target: Target) -> Behaviour:
    def behave(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not target.released.wait(0.05):
            connection.sendall(b"x")

    return behave


def flood_of(size: int) -> Behaviour:
    def behave(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
        block = b"x" * 1_048_576
        for _ in range(size // len(block)):
            connection.sendall(block)

    return behave


def flood_without_length(connection: socket.socket, _request: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    block = b"x" * 1_048_576
    for _ in range(GIBIBYTE // len(block)):
        connection.sendall(block)


def headers_of(size: int) -> Behaviour:
    def behave(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        line = b"X-Flood: " + b"x" * 1_000 + b"\r\n"
        for _ in range(size // len(line)):
            connection.sendall(line)
        connection.sendall(b"\r\n")

    return behave


@pytest.fixture
def engine() -> Iterator[Engine]:
    prober = Prober(AddressPolicy(allow=(ipaddress.ip_network("127.0.0.0/8"),)))
    yield Engine(prober)
    prober.close()


def test_each_ends_in_time_with_its_reason_and_takes_nothing_from_its_neighbour(engine: Engine) -> None:
    bomb = gzip.compress(b"\0" * 268_435_456, 9)
    with contextlib.ExitStack() as targets:

        def check_of(behave: Behaviour) -> tuple[Target, Check]:
            target = targets.enter_context(run_target(behave))
            return target, make_http_check(target.url, timeout_ms=TIMEOUT_MS)

        reasons = {
            "hangs": "timed out after 1.5 s",
            "drips": "timed out after 1.5 s while receiving the answer",
            "floods": "the body is over 1024 KiB",
            "floods without a length": "the body is over 1024 KiB",
            "bomb": "the body is over 1024 KiB",
            "headers": "the headers are over the limit",
        }
        checks = {}
        for name, behave in {
            "hangs": answer(),
            "drips": answer(),
            "floods": flood_of(GIBIBYTE),
            "floods without a length": flood_without_length,
            "bomb": answer("200 OK", bomb, "Content-Encoding: gzip"),
            "headers": headers_of(10_000_000),
        }.items():
            target, checks[name] = check_of(behave)
            if name == "hangs":
                target.behave = hang(target)
            elif name == "drips":
                target.behave = drip(target)
        circle = targets.enter_context(run_target(answer("302 Found", b"", "Location: /again")))
        checks["circle"] = make_check("http", {"url": circle.url, "follow_redirects": True}, timeout_ms=TIMEOUT_MS)
        reasons["circle"] = "more than 3 redirects"
        neighbour = targets.enter_context(run_target(answer()))
        fine = make_http_check(neighbour.url, interval_ms=300, timeout_ms=300)
        memory, started = psutil.Process().memory_info().rss, time.monotonic()

        engine._should_stop = lambda: time.monotonic() - started > 2.5
        engine.run_due_checks()

        grown = psutil.Process().memory_info().rss - memory

    states = {name: state_of(check) for name, check in checks.items()}
    assert {name: state.status for name, state in states.items()} == dict.fromkeys(checks, Status.UNHEALTHY)
    assert {name: state.last_message for name, state in states.items() if reasons[name] not in state.last_message} == {}
    assert max(state.last_duration_us or 0 for state in states.values()) < (TIMEOUT_MS + 500) * 1_000
    results = CheckResult.objects.filter(check_id=fine.pk)
    assert results.count() >= 5
    assert set(results.values_list("outcome", flat=True)) == {Status.HEALTHY}
    assert grown < MEMORY_BYTES

"""The ``tcp`` kind against real sockets on loopback."""

import asyncio
import contextlib
import ipaddress
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvloop

from core.egress import AddressPolicy
from ops.health.checks.kind import Observation, ProbeContext, ProbeFailed
from ops.health.checks.tcp import TcpConfig, TcpKind

LOOPBACK = AddressPolicy(allow=(ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")))


def probe(host: str, port: int, *, policy: AddressPolicy = LOOPBACK, timeout: float = 5) -> Observation:
    return uvloop.run(TcpKind().probe(TcpConfig(host=host, port=port), ProbeContext(timeout, policy)))


def failure(host: str, port: int, **options: object) -> ProbeFailed:
    with pytest.raises(ProbeFailed) as caught:
        probe(host, port, **options)  # type: ignore[arg-type]
    return caught.value


def test_an_open_port_is_seen_with_its_address_and_times() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        seen = probe("localhost", listener.getsockname()[1])

    assert seen.values == {"CONNECTED": True, "IP": "127.0.0.1"}
    assert set(seen.phases) == {"resolve", "connect"}
    assert seen.duration_us > 0


def test_a_closed_port_refuses() -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        failed = failure("127.0.0.1", unheard.getsockname()[1])

    assert (failed.phase, failed.message) == ("connect", "connection refused")


def test_a_name_that_does_not_exist_says_so() -> None:
    failed = failure("nowhere.invalid", 80)

    assert (failed.phase, failed.message) == ("dns", "nowhere.invalid does not resolve")


def test_a_refused_address_is_not_dialled() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        failed = failure("localhost", listener.getsockname()[1], policy=AddressPolicy())
        with pytest.raises(TimeoutError):
            listener.accept()

    assert failed.phase == "refused"


@contextlib.contextmanager
def deaf_port(host: str = "127.0.0.1") -> Iterator[int]:
    """A full backlog leaves the handshake of the next connection unanswered."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind((host, 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.settimeout(0)
            client.connect_ex((host, port))
        yield port


def test_a_port_that_does_not_answer_times_out() -> None:
    with deaf_port() as port:
        failed = failure("127.0.0.1", port, timeout=0.3)

    assert (failed.phase, failed.message) == ("timeout", "timed out after 300 ms while connecting")
    assert failed.duration_us >= 290_000


def test_an_address_that_does_not_answer_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    with deaf_port("127.0.0.2") as port, socket.create_server(("127.0.0.3", port)):
        resolve_to(monkeypatch, "127.0.0.2", "127.0.0.3")
        seen = probe("two.example", port, timeout=0.6)

    assert seen.values["IP"] == "127.0.0.3"
    assert 0.25 < seen.phases["connect"] < 0.5


def test_names_that_hang_hold_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    resolve_to(monkeypatch, "127.0.0.1", hanging=released)

    async def probe_all(port: int) -> Any:
        context = ProbeContext(1.0, LOOPBACK)
        hosts = [f"hanging-{number}.example" for number in range(20)] + ["fine.example"]
        probes = [TcpKind().probe(TcpConfig(host=host, port=port), context) for host in hosts]
        return await asyncio.gather(*probes, return_exceptions=True)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        try:
            *hanging, fine = uvloop.run(probe_all(listener.getsockname()[1]))
        finally:
            released.set()

    assert isinstance(fine, Observation)
    assert {failed.message for failed in hanging} == {"timed out after 1 s while resolving the name"}


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str, hanging: threading.Event | None = None) -> None:
    """Let every name have these addresses; names that start with ``hanging`` only once the event is set."""
    real = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *, type: int = 0, flags: int = 0) -> list[Any]:  # noqa: A002
        if flags & socket.AI_NUMERICHOST:
            return real(host, port, type=type, flags=flags)
        if hanging is not None and host.startswith("hanging"):
            hanging.wait(10)
        return [entry for address in addresses for entry in real(address, port, type=type)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

"""The ``tcp`` kind against real sockets on loopback."""

import ipaddress
import socket

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


def test_a_port_that_does_not_answer_times_out() -> None:
    # A full backlog leaves the handshake of the next connection unanswered.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        waiting = []
        try:
            for _ in range(4):
                client = socket.socket()
                client.settimeout(0)
                client.connect_ex(("127.0.0.1", port))
                waiting.append(client)
            failed = failure("127.0.0.1", port, timeout=0.3)
        finally:
            for client in waiting:
                client.close()

    assert (failed.phase, failed.message) == ("timeout", "timed out after 300 ms while connecting")
    assert failed.duration_us >= 290_000

"""The ``tcp`` kind against real sockets on loopback."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvloop
from pydantic import ValidationError

from core.egress import AddressPolicy
from ops.health.checks.tcp import ANSWER_LIMIT, TcpConfig, TcpKind, unescape
from ops.probing.body import Body
from ops.probing.probe import Observation, ProbeContext, ProbeFailed
from tests.ops.health import probing
from tests.ops.health.peers import run_peer
from tests.ops.health.probing import LOOPBACK
from tests.ops.health.probing import probe as run_probe

TCP = TcpKind()


def probe(host: str, port: int, **options: Any) -> Observation:
    return run_probe(TCP, host=host, port=port, **options)


def failure(host: str, port: int, **options: Any) -> ProbeFailed:
    return probing.failure(TCP, host=host, port=port, **options)


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


def greet(connection: socket.socket) -> None:
    connection.sendall(b"220 mail.example ESMTP\r\n")
    if connection.recv(100) == b"QUIT\r\n":
        connection.sendall(b"221 Bye\r\n")


@pytest.mark.parametrize(
    "options",
    [
        {"expect": "220 "},
        {"expect_pattern": r"^220 \S+ ESMTP"},
        {"send": r"QUIT\r\n", "expect": r"Bye\r\n"},
        {"send": r"QUIT\r\n", "expect_pattern": r"(?m)^221 "},
    ],
)
def test_an_expected_answer_is_seen(options: dict[str, str]) -> None:
    with run_peer(greet) as port:
        seen = probe("127.0.0.1", port, **options)

    assert seen.values["CONNECTED"] is True
    assert isinstance(seen.values["BODY"], Body)
    assert seen.values["BODY"].text.startswith("220 mail.example")
    assert set(seen.phases) == {"resolve", "connect", "receive"}


def test_what_is_sent_alone_waits_for_any_answer() -> None:
    with run_peer(lambda connection: connection.sendall(connection.recv(9).upper())) as port:
        assert probe("127.0.0.1", port, send="ping").values["BODY"].text == "PING"


def test_another_answer_fails_when_the_target_closes() -> None:
    with run_peer(lambda connection: connection.sendall(b"554 go away")) as port:
        failed = failure("127.0.0.1", port, expect="220")

    assert (failed.phase, failed.message) == ("receive", "connection closed without the expected answer")


def test_an_answer_that_does_not_come_times_out() -> None:
    with run_peer(greet) as port:
        failed = failure("127.0.0.1", port, expect="never", timeout=0.3)

    assert failed.message == "timed out after 300 ms while waiting for the answer"


def test_only_the_first_bytes_of_a_flood_are_looked_at() -> None:
    def flood(connection: socket.socket) -> None:
        while True:
            connection.sendall(b"x" * 65_536)

    with run_peer(flood) as port:
        failed = failure("127.0.0.1", port, expect="y")

    assert failed.message == f"the first {ANSWER_LIMIT // 1024} KiB of the answer are not as expected"


def test_escapes_stand_for_bytes() -> None:
    assert unescape(r"a\r\n\t\0\\\xffü") == b"a\r\n\t\0\\\xff" + "ü".encode()


@pytest.mark.parametrize(
    "fields",
    [
        {"send": "\\q"}, {"expect": "trailing\\"}, {"expect": "\\x4"}, {"expect_pattern": "("}, {"send": ""},
        {"expect_pattern": "(?=look)"}, {"expect": "a", "expect_pattern": "a"},
    ],
)  # fmt: skip
def test_what_cannot_be_sent_or_expected_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        TcpConfig.model_validate({"host": "h", "port": 1, **fields})

"""One contract for every kind that dials: a peer that misbehaves is a failure in time, never a crash."""

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from core.egress import AddressPolicy
from ops.health.checks import KINDS
from ops.health.checks.kind import CheckKind
from tests.ops.health.peers import Speak, run_peer
from tests.ops.health.probing import failure

TIMEOUT = 1.0
SLACK = 15

FIELDS: dict[str, dict[str, Any]] = {
    "tcp": {"expect": "never"},
    "dns": {"query": "api.example"},
    "redis": {},
    "postgres": {"tls": "disable"},
    "celery": {},
    "grpc": {},
}
WITH_TLS: dict[str, dict[str, Any]] = {
    "redis": {"tls": True}, "postgres": {"tls": "require"}, "celery": {"tls": True}, "grpc": {"tls": True},
}  # fmt: skip
CASES = [pytest.param(name, fields, id=name) for name, fields in FIELDS.items()]
CASES += [pytest.param(name, fields, id=f"{name}-tls") for name, fields in WITH_TLS.items()]


def silent(connection: socket.socket) -> None:
    while connection.recv(65_536):
        pass


def closing(_connection: socket.socket) -> None:
    pass


def garbage(connection: socket.socket) -> None:
    noise = os.urandom(65_536)
    while True:
        connection.sendall(noise)


def lines(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"+OK\r\n" * 10_000)


def dripping(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"R")
        time.sleep(0.05)


def kind_of(name: str) -> CheckKind:
    kind = KINDS.get(name)
    assert kind is not None
    return kind


@contextlib.contextmanager
def run_hostile(speak: Speak) -> Iterator[int]:
    """By TCP; the same port takes datagrams and answers none."""
    with run_peer(speak) as port, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        datagrams.bind(("127.0.0.1", port))
        yield port


@pytest.mark.parametrize("speak", [silent, closing, garbage, lines, dripping])
@pytest.mark.parametrize(("name", "fields"), CASES)
def test_a_hostile_peer_is_a_failure_in_time(name: str, fields: dict[str, Any], speak: Speak) -> None:
    where = {"server": "127.0.0.1"} if name == "dns" else {"host": "127.0.0.1"}
    with run_hostile(speak) as port:
        started = time.monotonic()
        failed = failure(kind_of(name), **where, port=port, **fields, timeout=TIMEOUT)
        took = time.monotonic() - started

    assert took < TIMEOUT + SLACK
    assert failed.message
    assert len(failed.message) < 400
    assert "\n" not in failed.message
    assert failed.duration_us > 0


@pytest.mark.parametrize(("name", "fields"), CASES)
def test_an_address_that_is_refused_is_never_dialled(name: str, fields: dict[str, Any]) -> None:
    where = {"server": "127.0.0.1"} if name == "dns" else {"host": "127.0.0.1"}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        failed = failure(kind_of(name), **where, port=port, **fields, policy=AddressPolicy())
        listener.settimeout(0.1)
        with pytest.raises(TimeoutError):
            listener.accept()

    assert failed.phase == "refused"


@pytest.mark.parametrize(("name", "fields"), CASES)
def test_the_address_is_known_before_it_is_saved(name: str, fields: dict[str, Any]) -> None:
    kind = kind_of(name)
    where = {"server": "10.0.0.1"} if name == "dns" else {"host": "10.0.0.1"}
    (target,) = kind.targets(kind.Config.model_validate({**where, **fields, "port": 9}))

    assert (target.host, target.port) == ("10.0.0.1", 9)

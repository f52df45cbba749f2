"""The ``dns`` kind against a small authoritative server on loopback."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from pydantic import ValidationError

from core.egress import AddressPolicy, Endpoint
from ops.health.checks.dns import DnsConfig, DnsKind
from tests.ops.health.probing import failure, probe

DNS = DnsKind()
ZONE = {
    ("api.example.", "A"): ["192.0.2.1", "192.0.2.2"],
    ("api.example.", "AAAA"): ["2001:db8::1"],
    ("example.", "MX"): ["10 Mail.example."],
    ("example.", "TXT"): ['"v=spf1 -all"'],
    ("long.example.", "TXT"): [f'"{number:0200}"' for number in range(20)],
}

type Answer = Callable[[dns.message.Message], bytes]


def authoritative(query: dns.message.Message, *, limit: int = 65_535) -> bytes:
    response = dns.message.make_response(query)
    (question,) = query.question
    texts = ZONE.get((question.name.to_text(), dns.rdatatype.to_text(question.rdtype)))
    if texts is None:
        response.set_rcode(dns.rcode.NXDOMAIN)
    else:
        response.answer.append(dns.rrset.from_text(question.name, 60, "IN", question.rdtype, *texts))
    wire = response.to_wire(max_size=65_535)
    if len(wire) > limit:
        response.answer.clear()
        response.flags |= dns.flags.TC
        wire = response.to_wire(max_size=65_535)
    return wire


def by_datagram(query: dns.message.Message) -> bytes:
    return authoritative(query, limit=512)


@contextlib.contextmanager
def run_server(datagram: Answer = by_datagram, stream: Answer = authoritative) -> Iterator[int]:
    """The port on which both UDP and TCP are answered."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        port = listener.getsockname()[1]
        datagrams.bind(("127.0.0.1", port))
        threading.Thread(target=_serve_datagrams, args=(datagrams, datagram), daemon=True).start()
        threading.Thread(target=_serve_streams, args=(listener, stream), daemon=True).start()
        try:
            yield port
        finally:
            for each in (listener, datagrams):
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)


def _serve_datagrams(datagrams: socket.socket, answer: Answer) -> None:
    with contextlib.suppress(OSError):
        while True:
            data, client = datagrams.recvfrom(65_535)
            if not data:
                return
            datagrams.sendto(answer(dns.message.from_wire(data)), client)


def _serve_streams(listener: socket.socket, answer: Answer) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _client = listener.accept()
            with connection:
                size = int.from_bytes(connection.recv(2), "big")
                reply = answer(dns.message.from_wire(connection.recv(size)))
                connection.sendall(len(reply).to_bytes(2, "big") + reply)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with run_server() as running:
        yield running


@pytest.mark.parametrize(
    ("query", "record", "answers"),
    [
        ("api.example", "A", ["192.0.2.2"]),
        ("api.example.", "AAAA", ["2001:DB8::1"]),
        ("example", "MX", ["10 mail.example"]),
        ("example", "TXT", ["v=spf1 -all"]),
    ],
)
def test_expected_answers_are_found_among_those_that_come(
    port: int, query: str, record: str, answers: list[str]
) -> None:
    seen = probe(DNS, server="127.0.0.1", port=port, query=query, record=record, answers=answers)

    assert seen.values["DNS_RCODE"] == "NOERROR"
    assert seen.values["IP"] == "127.0.0.1"


def test_the_body_is_the_answers_one_a_line(port: int) -> None:
    seen = probe(DNS, server="127.0.0.1", port=port, query="api.example")

    assert seen.values["BODY"].text == "192.0.2.1\n192.0.2.2"
    assert set(seen.phases) == {"resolve", "receive"}


def test_an_answer_that_does_not_fit_is_asked_for_by_tcp(port: int) -> None:
    seen = probe(DNS, server="127.0.0.1", port=port, query="long.example", record="TXT")

    assert len(seen.values["BODY"].text.splitlines()) == 20


def test_an_expected_answer_that_does_not_come_fails_with_those_that_do(port: int) -> None:
    failed = failure(DNS, server="127.0.0.1", port=port, query="api.example", answers=["192.0.2.1", "192.0.2.9"])

    assert failed.message == "192.0.2.9 is not among the answers: 192.0.2.1, 192.0.2.2"


def test_a_name_that_does_not_exist_is_an_rcode_for_conditions(port: int) -> None:
    seen = probe(DNS, server="127.0.0.1", port=port, query="gone.example", answers=["192.0.2.1"])

    assert seen.values["DNS_RCODE"] == "NXDOMAIN"
    assert DNS.default_conditions == ("[DNS_RCODE] == NOERROR",)


def test_a_server_that_is_not_there_refuses() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as unheard:
        unheard.bind(("127.0.0.1", 0))
        closed = unheard.getsockname()[1]
    failed = failure(DNS, server="127.0.0.1", port=closed, query="api.example", timeout=2)

    assert failed.message == "connection refused"


def test_forged_answers_and_garbage_are_passed_over_until_the_time_is_over() -> None:
    def forge(query: dns.message.Message) -> bytes:
        return authoritative(dns.message.make_query("api.example", "A", id=query.id ^ 1))

    for answer in (forge, lambda _query: b"garbage"):
        with run_server(answer) as port:
            failed = failure(DNS, server="127.0.0.1", port=port, query="api.example", timeout=0.3)
        assert failed.message == "timed out after 300 ms while waiting for the answer"


def test_a_stream_that_is_not_dns_says_so() -> None:
    with run_server(lambda query: authoritative(query, limit=20), lambda _query: b"no") as port:
        failed = failure(DNS, server="127.0.0.1", port=port, query="api.example")

    assert failed.message == "the answer is not DNS"


def test_without_a_server_the_system_is_asked_on_its_own_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.health.checks.dns._system_resolver", lambda: "127.0.0.1")
    monkeypatch.setattr("ops.health.checks.dns._PORT", 9)  # nobody answers there

    failed = failure(DNS, query="api.example", policy=AddressPolicy(), timeout=2)

    assert failed.message == "connection refused"


def test_it_names_the_server_that_was_typed_alone() -> None:
    assert DNS.targets(DnsConfig(query="a", server="10.0.0.1")) == [Endpoint("10.0.0.1", 53)]
    assert DNS.targets(DnsConfig(query="a")) == []


@pytest.mark.parametrize(
    "fields",
    [{"query": ""}, {"query": "a..b"}, {"query": "a" * 64}, {"query": "a", "record": "ANY"}, {"query": "a", "port": 0}],
)
def test_what_cannot_be_asked_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DnsConfig.model_validate(fields)

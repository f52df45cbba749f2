"""``dns``: a server answers a question, by UDP, and by TCP where the answer does not fit."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
from pydantic import AfterValidator, Field

from core.egress import Endpoint
from core.text import Line
from ops.probing.attempt import Attempt, Found, attempt
from ops.probing.body import Body
from ops.probing.config import KindConfig, Presentation
from ops.probing.fields import Host, Port
from ops.probing.probe import Observation, ProbeContext, ProbeFailed

RESENT_AFTER_SECONDS = 2.0
"""A datagram may be lost: the question is sent again, until the time is over."""

_PORT = 53
_LARGEST_DATAGRAM = 65_535
_ANSWERS_SHOWN = 5
_RESOLV_CONF = Path("/etc/resolv.conf")


def _check_question(value: str) -> str:
    try:
        dns.name.from_text(value)
    except (dns.exception.DNSException, UnicodeError) as error:
        raise ValueError("expected a domain name, such as example.com") from error
    return value


type Question = Annotated[Line, Field(min_length=1, max_length=255), AfterValidator(_check_question)]
type Answer = Annotated[Line, Field(min_length=1, max_length=500)]
type RecordType = Literal["A", "AAAA", "CAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"]


class DnsConfig(KindConfig):
    """``server`` is asked, else the first of the system's resolvers. ``answers`` must all be among those that come,
    each in the form of a zone file: an address, ``10 mail.example.com.``, a text.
    """

    presentation: ClassVar[Presentation] = Presentation(
        title="DNS",
        summary="Asks a server for the records of a name.",
        glyph="M8 2.5v3M3.5 13.5v-3h9v3M8 5.5v5M6 2.5h4v3H6Z",
        suggested={"interval": "30s", "timeout": "5s"},
        conditions=("[DNS_RCODE] == NOERROR",),
    )

    query: Question = Field(title="Name", examples=["api.example.com"])
    record: RecordType = Field("A", title="Record")
    server: Host | None = Field(None, title="Server", description="Empty: the resolver of this system.")
    port: Port = Field(_PORT, title="Port", json_schema_extra={"advanced": True})
    answers: Annotated[tuple[Answer, ...], Field(max_length=50)] = Field(
        (),
        title="Answers",
        description="One a line; each must be among those that come.",
        json_schema_extra={"advanced": True},
    )


class DnsKind:
    name: ClassVar[str] = "dns"
    Config: ClassVar[type[KindConfig]] = DnsConfig
    placeholders: ClassVar[frozenset[str]] = frozenset({"BODY", "CONNECTED", "DNS_RCODE", "IP", "RESPONSE_TIME"})
    default_conditions: ClassVar[tuple[str, ...]] = ("[DNS_RCODE] == NOERROR",)

    def targets(self, config: DnsConfig) -> list[Endpoint]:
        return [Endpoint(config.server, config.port)] if config.server is not None else []

    def expectation(self, config: DnsConfig) -> None:  # noqa: ARG002 - it goes out and looks
        return None

    async def probe(self, config: DnsConfig, context: ProbeContext) -> Observation:
        """``BODY`` is the answers in order of the alphabet, one a line; those of a ``CNAME`` chain are among them."""
        query = dns.message.make_query(config.query, config.record, use_edns=0)
        async with attempt(context) as running:
            found_at = await _find_server(config, running)
            with _failing_in_words():
                response, address = await _ask(query, found_at, running)
            found = sorted(item.to_text() for rrset in response.answer for item in rrset)
            rcode = dns.rcode.to_text(response.rcode())
            if rcode == "NOERROR" and (missing := _missing(config, found)):
                raise ProbeFailed("receive", f"{missing} is not among the answers: {_shown(found)}")
            return running.observe(CONNECTED=True, IP=address, DNS_RCODE=rcode, BODY=Body("\n".join(found).encode()))
        raise AssertionError("an attempt swallows nothing")


async def _find_server(config: DnsConfig, running: Attempt) -> Found:
    """The system's resolver, often on loopback, was typed by nobody and is not judged; its port is 53."""
    if config.server is None:
        return (await running.resolve(_system_resolver(), _PORT, kind=socket.SOCK_DGRAM))[0]
    return await running.first_allowed(config.server, config.port, kind=socket.SOCK_DGRAM)


async def _ask(query: dns.message.Message, server: Found, running: Attempt) -> tuple[dns.message.Message, str]:
    family, _type, _protocol, _name, address = server
    with running.step("receive", "waiting for the answer"):
        with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as datagrams:
            datagrams.connect(address)
            response = await _ask_by_datagram(query, datagrams)
        if response.flags & dns.flags.TC:
            response = await _ask_by_stream(query, server, running)
    return response, str(address[0])


async def _ask_by_datagram(query: dns.message.Message, datagrams: socket.socket) -> dns.message.Message:
    loop = asyncio.get_running_loop()
    while True:
        await loop.sock_sendall(datagrams, query.to_wire())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RESENT_AFTER_SECONDS):
                return await _receive(query, datagrams)


async def _receive(query: dns.message.Message, datagrams: socket.socket) -> dns.message.Message:
    """The first datagram that answers the query; others may be forged, and are passed over."""
    loop = asyncio.get_running_loop()
    while True:
        data = await loop.sock_recv(datagrams, _LARGEST_DATAGRAM)
        with contextlib.suppress(dns.exception.DNSException, ValueError):
            response = dns.message.from_wire(data)
            if query.is_response(response):
                return response
        await asyncio.sleep(0)  # a flood of them must not keep the others from running


async def _ask_by_stream(query: dns.message.Message, server: Found, running: Attempt) -> dns.message.Message:
    async with running.stream_to(server) as stream:
        running.phase, running.doing = "receive", "waiting for the answer"
        await stream.send(query.to_wire(prepend_length=True))
        size = int.from_bytes(await stream.reader.readexactly(2), "big")
        response = dns.message.from_wire(await stream.reader.readexactly(size))
    if not query.is_response(response):
        raise ProbeFailed("receive", "the answer is to another question")
    return response


@contextlib.contextmanager
def _failing_in_words() -> Iterator[None]:
    try:
        yield
    except asyncio.IncompleteReadError:
        raise ProbeFailed("receive", "connection closed without an answer") from None
    except (dns.exception.DNSException, ValueError):
        raise ProbeFailed("receive", "the answer is not DNS") from None


def _missing(config: DnsConfig, found: list[str]) -> str:
    """The first expected answer that did not come."""
    known = {_comparable(item) for item in found}
    return next((answer for answer in config.answers if _comparable(answer) not in known), "")


def _comparable(answer: str) -> str:
    return answer.strip().strip('"').rstrip(".").lower()


def _shown(found: list[str]) -> str:
    more = ", ..." if len(found) > _ANSWERS_SHOWN else ""
    return (", ".join(found[:_ANSWERS_SHOWN]) + more) if found else "there are none"


def _system_resolver() -> str:
    """The first nameserver of the system. Raises ``ProbeFailed``."""
    try:
        modified_ns = _RESOLV_CONF.stat().st_mtime_ns
        return _read_nameserver(modified_ns)
    except (OSError, LookupError):
        raise ProbeFailed("dns", "this system has no resolver; name a server") from None


@lru_cache(maxsize=1)
def _read_nameserver(_modified_ns: int) -> str:
    for line in _RESOLV_CONF.read_text(errors="replace").splitlines():
        match line.split():
            case ["nameserver", address, *_]:
                return address
    raise LookupError("no nameserver")

"""``icmp``: a host answers pings, over the kernel's ping sockets, which need no privilege.

``RESPONSE_TIME`` is the mean of the round trips. The kernel fills in the identifier and the checksum, and gives a
socket only the answers to its own pings.
"""

import asyncio
import errno
import socket
import struct
import time
from typing import Annotated, ClassVar

from pydantic import Field

from core.egress import Endpoint
from ops.probing.attempt import Attempt, attempt, describe_socket_error
from ops.probing.config import KindConfig, Presentation
from ops.probing.fields import Host
from ops.probing.probe import Observation, ProbeContext, ProbeFailed
from ops.signals.domain import Status

_HEADER = struct.Struct("!BBHHH")  # type, code, checksum, identifier, sequence: RFC 792 and RFC 4443
_PAYLOAD = b"quarterdeck ping".ljust(56)
_PROTOCOLS = {socket.AF_INET: socket.IPPROTO_ICMP, socket.AF_INET6: socket.IPPROTO_ICMPV6}
_REQUESTS = {socket.AF_INET: 8, socket.AF_INET6: 128}
_ANSWERS = {socket.AF_INET: 0, socket.AF_INET6: 129}
_UNREACHABLE = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ECONNREFUSED})
SPACING_SECONDS = 0.2
"""From one ping to the next, as long as the time allows it."""

FORBIDDEN = (
    "this system lets Quarterdeck send no pings; allow it with"
    ' sysctl -w net.ipv4.ping_group_range="0 2147483647", or with the group that it runs as'
)


class IcmpConfig(KindConfig):
    presentation: ClassVar[Presentation] = Presentation(
        title="Ping",
        summary="Pings a host and counts what is lost.",
        glyph="M8 8h.01M5 5a4.2 4.2 0 0 0 0 6M11 5a4.2 4.2 0 0 1 0 6M3 3a7 7 0 0 0 0 10M13 3a7 7 0 0 1 0 10",
        suggested={"interval": "30s", "timeout": "5s"},
        conditions=("[PACKET_LOSS] < 10",),
    )

    host: Host = Field(title="Host", examples=["gateway.internal"])
    count: Annotated[int, Field(ge=1, le=20)] = Field(
        3, title="Pings", description="Of one probe.", json_schema_extra={"advanced": True}
    )


class IcmpKind:
    name: ClassVar[str] = "icmp"
    Config: ClassVar[type[KindConfig]] = IcmpConfig
    placeholders: ClassVar[frozenset[str]] = frozenset({"CONNECTED", "IP", "PACKET_LOSS", "RESPONSE_TIME"})
    default_conditions: ClassVar[tuple[str, ...]] = ()

    def targets(self, config: IcmpConfig) -> list[Endpoint]:
        return [Endpoint(config.host, 0)]

    def expectation(self, config: IcmpConfig) -> None:  # noqa: ARG002 - it goes out and looks
        return None

    async def probe(self, config: IcmpConfig, context: ProbeContext) -> Observation:
        async with attempt(context) as running:
            family, _type, _protocol, _name, address = await running.first_allowed(config.host, 0)
            with _open_socket(socket.AddressFamily(family)) as pinger:
                pinger.connect(address)
                trips = await _ping(pinger, config.count, running)
            if not trips:
                raise ProbeFailed("receive", _silence(config.count))
            values = {
                "CONNECTED": True,
                "IP": str(address[0]),
                "PACKET_LOSS": round(100 * (1 - len(trips) / config.count), 1),
            }
            mean = sum(trips) / len(trips)
            return Observation(round(mean * 1e6), values, {**running.phases, "receive": mean})
        raise AssertionError("an attempt swallows nothing")


def _open_socket(family: socket.AddressFamily) -> socket.socket:
    try:
        return socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, _PROTOCOLS[family])
    except PermissionError:
        raise ProbeFailed("connect", FORBIDDEN, outcome=Status.UNKNOWN) from None


async def _ping(pinger: socket.socket, count: int, running: Attempt) -> list[float]:
    """The round trips, in seconds, of the pings that were answered in time. The last one may use what is left."""
    running.phase, running.doing = "receive", "waiting for an answer"
    # Ends before the deadline does: some of the pings may have been answered.
    ends_at = time.perf_counter() + running.left_seconds * 0.95
    spacing = min(SPACING_SECONDS, (ends_at - time.perf_counter()) / (2 * count))
    sent: dict[int, float] = {}
    trips: dict[int, float] = {}
    for sequence in range(1, count + 1):
        sent[sequence] = time.perf_counter()
        _send(pinger, sequence)
        until = ends_at if sequence == count else sent[sequence] + spacing
        await _collect(pinger, sent, trips, until=until, all_of=sequence == count)
    return list(trips.values())


def _send(pinger: socket.socket, sequence: int) -> None:
    header = _HEADER.pack(_REQUESTS[pinger.family], 0, 0, 0, sequence)
    try:
        pinger.send(header + _PAYLOAD)
    except BlockingIOError:
        pass  # the queue is full: this one counts as lost
    except OSError as error:
        _fail_unless_unreachable(error)


async def _collect(
    pinger: socket.socket, sent: dict[int, float], trips: dict[int, float], *, until: float, all_of: bool
) -> None:
    """Take answers until the time, or, with ``all_of``, until none is missing."""
    loop = asyncio.get_running_loop()
    while (left := until - time.perf_counter()) > 0 and not (all_of and len(trips) == len(sent)):
        try:
            async with asyncio.timeout(left):
                answer = await loop.sock_recv(pinger, 1_500)
        except TimeoutError:
            return
        except OSError as error:
            _fail_unless_unreachable(error)
            continue
        if len(answer) >= _HEADER.size:
            kind, _code, _checksum, _identifier, sequence = _HEADER.unpack_from(answer)
            if kind == _ANSWERS[pinger.family] and sequence in sent and sequence not in trips:
                trips[sequence] = time.perf_counter() - sent[sequence]


def _fail_unless_unreachable(error: OSError) -> None:
    """A router says so of one ping, and may deliver the next."""
    if error.errno not in _UNREACHABLE:
        raise ProbeFailed("send", describe_socket_error(error)) from None


def _silence(count: int) -> str:
    return "the ping was not answered" if count == 1 else f"none of {count} pings was answered"

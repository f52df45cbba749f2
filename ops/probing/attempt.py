"""One probe on its way: its deadline, what it is doing, its phases, and the dialling of judged addresses."""

import asyncio
import contextlib
import os
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from core.durations import describe_duration_ms
from core.egress import TargetRefused
from ops.probing.probe import MAX_IN_FLIGHT, Observation, ProbeContext, ProbeFailed

type Found = tuple[int, int, int, str, Any]
"""An entry of ``getaddrinfo``."""

_lookups = ThreadPoolExecutor(MAX_IN_FLIGHT, thread_name_prefix="lookup")
"""Threads are made as they are needed. The loop's own four would let four names that hang hold up all others."""


STREAM_LIMIT = 65_536


@contextlib.asynccontextmanager
async def attempt(context: ProbeContext) -> AsyncIterator["Attempt"]:
    """A probe within the context's time.

    Whatever ends it there becomes a ``ProbeFailed`` that tells how long it took: its time being over with what it was
    ``doing``, and an ``OSError`` of the network in the phase where it was.
    """
    running = Attempt(context)
    try:
        async with asyncio.timeout(context.timeout_seconds):
            yield running
    except TimeoutError:
        message = f"timed out after {describe_duration_ms(context.timeout_seconds * 1000)} while {running.doing}"
        raise ProbeFailed("timeout", message, duration_us=running.elapsed_us) from None
    except ssl.SSLError as error:
        raise ProbeFailed("tls", describe_tls_error(error), duration_us=running.elapsed_us) from None
    except OSError as error:
        message = describe_socket_error(error)
        raise ProbeFailed(running.phase, message, duration_us=running.elapsed_us) from None
    except ProbeFailed as failed:
        failed.duration_us = failed.duration_us or running.elapsed_us
        raise


@dataclass(slots=True)
class Attempt:
    """``phase`` and ``doing`` are what it is at; ``phases`` what the finished ones took, in seconds."""

    context: ProbeContext
    doing: str = "starting"
    phase: str = "connect"
    phases: dict[str, float] = field(default_factory=dict)
    _started: float = field(default_factory=time.perf_counter)

    @property
    def elapsed_us(self) -> int:
        return round((time.perf_counter() - self._started) * 1e6)

    @property
    def left_seconds(self) -> float:
        return max(0.0, self.context.timeout_seconds - (time.perf_counter() - self._started))

    @contextlib.contextmanager
    def step(self, phase: str, doing: str) -> Iterator[None]:
        """A phase with its time; ``doing`` completes *timed out while ...*."""
        self.phase, self.doing = phase, doing
        started = time.perf_counter()
        yield
        self.phases[phase] = self.phases.get(phase, 0.0) + time.perf_counter() - started

    def observe(self, **values: Any) -> Observation:
        """What was seen, by the names of the placeholders; the time until now is that of the probe."""
        return Observation(duration_us=self.elapsed_us, values=values, phases=self.phases)

    async def resolve(self, host: str, port: int, *, kind: int = socket.SOCK_STREAM) -> Sequence[Found]:
        """The addresses of the host in the resolver's order, not judged yet. Raises ``ProbeFailed``."""
        with self.step("resolve", "resolving the name"):
            try:
                return socket.getaddrinfo(host, port, type=kind, flags=socket.AI_NUMERICHOST)
            except socket.gaierror:
                pass  # not an address but a name
            except ValueError:  # a label that is empty or too long, which no name can have
                raise ProbeFailed("dns", f"{host} is not a host name or an address") from None
            loop = asyncio.get_running_loop()
            try:
                return await loop.run_in_executor(_lookups, partial(socket.getaddrinfo, host, port, type=kind))
            except OSError:
                raise ProbeFailed("dns", f"{host} does not resolve") from None

    async def first_allowed(self, host: str, port: int, *, kind: int = socket.SOCK_STREAM) -> Found:
        """The first address of the host that may be dialled, for protocols and libraries that dial by themselves."""
        refusal = f"{host} has no address"
        for entry in await self.resolve(host, port, kind=kind):
            try:
                self.context.policy.check_address(str(entry[4][0]), port)
            except TargetRefused as refused:
                refusal = refused.message
            else:
                return entry
        raise ProbeFailed("refused", refusal)

    async def dial(self, host: str, port: int) -> tuple[socket.socket, str]:
        """A connection and the address that answered; the caller closes it. Raises ``ProbeFailed``.

        Addresses are tried in the resolver's order, each judged before it is dialled. Each but the last has an equal
        share of the time that is left, so that a dead one leaves time for the others.
        """
        found = await self.resolve(host, port)
        failure = ProbeFailed("dns", f"{host} has no address")
        with self.step("connect", "connecting"):
            for tried, entry in enumerate(found):
                others = len(found) - tried - 1
                try:
                    async with asyncio.timeout(self.left_seconds / (others + 1) if others else None):
                        self.context.policy.check_address(str(entry[4][0]), port)
                        return await _connect(entry), str(entry[4][0])
                except TargetRefused as refused:
                    failure = ProbeFailed("refused", refused.message)
                except TimeoutError:
                    failure = ProbeFailed("timeout", f"{entry[4][0]} did not answer")
                except OSError as error:
                    failure = ProbeFailed("connect", describe_socket_error(error))
            raise failure

    @contextlib.asynccontextmanager
    async def stream(
        self, host: str, port: int, *, tls: ssl.SSLContext | None = None, limit: int = STREAM_LIMIT
    ) -> AsyncIterator["Stream"]:
        """A dialled connection to read and write; cut off at the end. What is read ahead stays near ``limit`` bytes."""
        connection, address = await self.dial(host, port)
        async with self._open(connection, address, tls=tls, host=host, limit=limit) as stream:
            yield stream

    @contextlib.asynccontextmanager
    async def stream_to(self, entry: Found) -> AsyncIterator["Stream"]:
        """As ``stream``, to an address that was found and judged before."""
        with self.step("connect", "connecting"):
            connection = await _connect(entry)
        async with self._open(connection, str(entry[4][0])) as stream:
            yield stream

    @contextlib.asynccontextmanager
    async def _open(
        self,
        connection: socket.socket,
        address: str,
        *,
        tls: ssl.SSLContext | None = None,
        host: str = "",
        limit: int = STREAM_LIMIT,
    ) -> AsyncIterator["Stream"]:
        try:
            if tls is None:
                reader, writer = await asyncio.open_connection(sock=connection, limit=limit)
            else:
                with self.step("tls", "in the TLS handshake"):
                    patience = self.left_seconds + 1  # the deadline of the attempt comes first
                    reader, writer = await asyncio.open_connection(
                        sock=connection, limit=limit, ssl=tls, server_hostname=host, ssl_handshake_timeout=patience
                    )
        except BaseException:
            connection.close()
            raise
        try:
            yield Stream(reader, writer, address)
        finally:
            writer.transport.abort()


async def _connect(entry: Found) -> socket.socket:
    family, _type, _protocol, _name, address = entry
    connection = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        await asyncio.get_running_loop().sock_connect(connection, address)
    except BaseException:
        connection.close()
        raise
    return connection


@dataclass(frozen=True, slots=True)
class Stream:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    address: str

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def read_until(self, is_enough: Callable[[bytes], bool], *, limit: int) -> bytes:
        """What came until it was enough. Raises ``ProbeFailed`` when the target closes, or sends ``limit`` bytes."""
        seen = b""
        while not is_enough(seen):
            if len(seen) >= limit:
                raise ProbeFailed("receive", f"the first {limit // 1024} KiB of the answer are not as expected")
            chunk = await self.reader.read(limit - len(seen))
            if not chunk:
                raise ProbeFailed("receive", "connection closed without the expected answer")
            seen += chunk
        return seen


def describe_socket_error(error: OSError) -> str:
    """``connection refused``, ``no route to host``: the system's words for it."""
    if error.errno is None or error.errno < 0:
        return "connection failed"
    words = os.strerror(error.errno)
    return words[:1].lower() + words[1:]


def describe_tls_error(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate is not trusted: {error.verify_message[:100]}"
    return "TLS handshake failed"

"""``tcp``: a connection can be opened."""

import asyncio
import os
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ClassVar

from core.durations import describe_duration_ms
from core.egress import Endpoint, TargetRefused
from ops.health.checks.fields import Host, Port
from ops.health.checks.kind import MAX_IN_FLIGHT, KindConfig, Observation, ProbeContext, ProbeFailed

type _Found = tuple[int, int, int, str, Any]
"""An entry of ``getaddrinfo``."""

_lookups = ThreadPoolExecutor(MAX_IN_FLIGHT, thread_name_prefix="lookup")
"""Threads are made as they are needed. The loop's own four would let four names that hang hold up all others."""


class TcpConfig(KindConfig):
    host: Host
    port: Port


class TcpKind:
    name: ClassVar[str] = "tcp"
    Config: ClassVar[type[KindConfig]] = TcpConfig
    placeholders: ClassVar[frozenset[str]] = frozenset({"CONNECTED", "IP", "RESPONSE_TIME"})
    default_conditions: ClassVar[tuple[str, ...]] = ()

    def targets(self, config: TcpConfig) -> list[Endpoint]:
        return [Endpoint(config.host, config.port)]

    def expectation(self, config: TcpConfig) -> None:  # noqa: ARG002 - it goes out and looks
        return None

    async def probe(self, config: TcpConfig, context: ProbeContext) -> Observation:
        started = time.perf_counter()
        attempt = _Attempt(config, context)
        try:
            async with asyncio.timeout(context.timeout_seconds):
                address = await attempt.connect()
        except TimeoutError:
            message = f"timed out after {describe_duration_ms(context.timeout_seconds * 1000)} while {attempt.doing}"
            raise ProbeFailed("timeout", message, duration_us=_elapsed_us(started)) from None
        except ProbeFailed as failed:
            failed.duration_us = _elapsed_us(started)
            raise
        duration = time.perf_counter() - started
        return Observation(
            duration_us=round(duration * 1e6),
            values={"CONNECTED": True, "IP": address},
            phases={"resolve": attempt.resolved_after, "connect": duration - attempt.resolved_after},
        )


class _Attempt:
    """One probe on its way: what it is doing right now, and how long the name took."""

    def __init__(self, config: TcpConfig, context: ProbeContext) -> None:
        self._config = config
        self._policy = context.policy
        self._timeout_seconds = context.timeout_seconds
        self.doing = "resolving the name"
        self.resolved_after = 0.0

    async def connect(self) -> str:
        """The address that answered. Addresses are tried in the resolver's order, each judged before it is dialled.

        Each but the last has an equal share of the time that is left, so that a dead one leaves time for the others.
        """
        started = time.perf_counter()
        found = await self._resolve()
        self.resolved_after = time.perf_counter() - started
        self.doing = "connecting"
        failure = ProbeFailed("dns", f"{self._config.host} has no address")
        for tried, entry in enumerate(found):
            others = len(found) - tried - 1
            left = self._timeout_seconds - (time.perf_counter() - started)
            try:
                async with asyncio.timeout(left / (others + 1) if others else None):
                    return await self._dial(entry)
            except TargetRefused as refused:
                failure = ProbeFailed("refused", refused.message)
            except TimeoutError:
                failure = ProbeFailed("timeout", f"{entry[4][0]} did not answer")
            except OSError as error:
                failure = ProbeFailed("connect", describe_socket_error(error))
        raise failure

    async def _resolve(self) -> Sequence[_Found]:
        host, port = self._config.host, self._config.port
        try:
            return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        except socket.gaierror:
            pass  # not an address but a name
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(
                _lookups, partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
            )
        except OSError:
            raise ProbeFailed("dns", f"{host} does not resolve") from None

    async def _dial(self, entry: _Found) -> str:
        family, _type, protocol, _name, address = entry
        self._policy.check_address(str(address[0]), self._config.port)
        with socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK, protocol) as connection:
            await asyncio.get_running_loop().sock_connect(connection, address)
        return str(address[0])


def describe_socket_error(error: OSError) -> str:
    """``connection refused``, ``no route to host``: the system's words for it."""
    if error.errno is None or error.errno < 0:
        return "connection failed"
    words = os.strerror(error.errno)
    return words[:1].lower() + words[1:]


def _elapsed_us(started: float) -> int:
    return round((time.perf_counter() - started) * 1e6)

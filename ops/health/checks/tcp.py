"""``tcp``: a connection can be opened."""

import asyncio
import os
import socket
import time
from typing import ClassVar

from core.durations import describe_duration_ms
from core.egress import Endpoint, TargetRefused
from ops.health.checks.fields import Host, Port
from ops.health.checks.kind import KindConfig, Observation, ProbeContext, ProbeFailed


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
        self.doing = "resolving the name"
        self.resolved_after = 0.0

    async def connect(self) -> str:
        """The address that answered. Addresses are tried in the resolver's order, each judged before it is dialled."""
        started = time.perf_counter()
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(self._config.host, self._config.port, type=socket.SOCK_STREAM)
        except OSError:
            raise ProbeFailed("dns", f"{self._config.host} does not resolve") from None
        self.resolved_after = time.perf_counter() - started
        self.doing = "connecting"
        failure = ProbeFailed("dns", f"{self._config.host} has no address")
        for family, _type, protocol, _name, address in found:
            try:
                self._policy.check_address(str(address[0]), self._config.port)
                with socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK, protocol) as connection:
                    await loop.sock_connect(connection, address)
                    return str(address[0])
            except TargetRefused as refused:
                failure = ProbeFailed("refused", refused.message)
            except OSError as error:
                failure = ProbeFailed("connect", describe_socket_error(error))
        raise failure


def describe_socket_error(error: OSError) -> str:
    """``connection refused``, ``no route to host``: the system's words for it."""
    if error.errno is None or error.errno < 0:
        return "connection failed"
    words = os.strerror(error.errno)
    return words[:1].lower() + words[1:]


def _elapsed_us(started: float) -> int:
    return round((time.perf_counter() - started) * 1e6)

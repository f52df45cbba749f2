"""A small real source for the tests: a list on Redis, and one beside it for what is dead."""

import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from core.egress import Endpoint
from ops.probing.attempt import attempt
from ops.probing.config import KindConfig
from ops.probing.fields import Host, Port, Secret
from ops.probing.probe import ProbeContext, ProbeFailed
from ops.probing.resp import RespClient
from ops.queues.sources.source import Message, Reading

KIND = "test-list"


class ListConfig(KindConfig):
    host: Host = "127.0.0.1"
    port: Port
    key: str
    password: Secret | None = None


class ListSource:
    """Can do everything but pause. Messages are JSON with ``at``, seconds since the epoch."""

    name: ClassVar[str] = KIND
    Config: ClassVar[type[KindConfig]] = ListConfig

    def targets(self, config: ListConfig) -> list[Endpoint]:
        return [Endpoint(config.host, config.port)]

    async def read(self, config: ListConfig, context: ProbeContext) -> Reading:
        async with _client(config, context) as client:
            size, dead = await client.ask("LLEN", config.key), await client.ask("LLEN", f"{config.key}:dead")
            consumers = await client.ask("GET", f"{config.key}:consumers")
            oldest = await client.ask("LINDEX", config.key, "0")
        assert isinstance(size, int)
        assert isinstance(dead, int)
        age = time.time() - json.loads(str(oldest))["at"] if oldest else None
        return Reading(
            size=size, oldest_age_seconds=age, consumers=None if consumers is None else int(str(consumers)), dead=dead
        )

    async def peek(self, config: ListConfig, context: ProbeContext, *, limit: int) -> Sequence[Message]:
        return await self._read(config, context, config.key, limit)

    async def purge(self, config: ListConfig, context: ProbeContext) -> int:
        async with _client(config, context) as client:
            size = await client.ask("LLEN", config.key)
            await client.ask("DEL", config.key)
        assert isinstance(size, int)
        return size

    async def peek_dead(self, config: ListConfig, context: ProbeContext, *, limit: int) -> Sequence[Message]:
        return await self._read(config, context, f"{config.key}:dead", limit)

    async def find_dead(self, config: ListConfig, context: ProbeContext, *, contains: str, limit: int) -> Sequence[str]:
        async with _client(config, context) as client:
            found = await client.ask("LRANGE", f"{config.key}:dead", "0", "-1")
        assert isinstance(found, list)
        return [str(text) for text in found if contains in str(text)][:limit]

    async def retry_dead(self, config: ListConfig, context: ProbeContext, keys: Sequence[str]) -> int:
        async with _client(config, context) as client:
            found = [key for key in keys if await client.ask("LREM", f"{config.key}:dead", "1", key)]
            for key in found:
                await client.ask("RPUSH", config.key, key)
        return len(found)

    async def discard_dead(self, config: ListConfig, context: ProbeContext, keys: Sequence[str]) -> int:
        async with _client(config, context) as client:
            return sum([int(str(await client.ask("LREM", f"{config.key}:dead", "1", key))) for key in keys])

    async def _read(self, config: ListConfig, context: ProbeContext, key: str, limit: int) -> list[Message]:
        async with _client(config, context) as client:
            found = await client.ask("LRANGE", key, "0", str(limit - 1))
        assert isinstance(found, list)
        return [Message(key=str(text), body=str(text), size_bytes=len(str(text))) for text in found]


@asynccontextmanager
async def _client(config: ListConfig, context: ProbeContext) -> AsyncIterator[RespClient]:
    async with attempt(context) as running, running.stream(config.host, config.port) as stream:
        with running.step("receive", "waiting for the answer"):
            client = RespClient(stream)
            await client.sign_in(None, config.password.get_secret_value() if config.password else None)
            yield client


class ToldConfig(KindConfig):
    pass


class ReadOnlySource:
    """Cannot do anything but be read, and says what it is told to."""

    name: ClassVar[str] = "test-told"
    Config: ClassVar[type[KindConfig]] = ToldConfig

    def __init__(self) -> None:
        self.says: Reading | Exception = Reading(size=0)

    def targets(self, config: Any) -> list[Endpoint]:
        return []

    async def read(self, config: Any, context: ProbeContext) -> Reading:
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


UNREACHABLE = ProbeFailed("connect", "connection refused")

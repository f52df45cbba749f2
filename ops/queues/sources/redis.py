"""``redis``: a list, a stream or a sorted set of a Redis or Valkey in which messages wait."""

import contextlib
import json
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from core.egress import Endpoint
from core.text import Line
from core.validation import wrong_field
from ops.probing.config import KindConfig, Presentation
from ops.probing.probe import ProbeContext, ProbeFailed
from ops.probing.resp import Answer, CutText, RespClient
from ops.queues.sources import redis_dead, redis_stream
from ops.queues.sources.abilities import DEAD_LETTERS
from ops.queues.sources.answers import listed, read_time, shown, size_of, texts, whole
from ops.queues.sources.redis_server import RedisServerConfig, session
from ops.queues.sources.source import Message, Reading


class RedisQueueConfig(RedisServerConfig):
    """``structure`` is what is kept under ``key``. ``group`` is for a stream alone."""

    presentation: ClassVar[Presentation] = Presentation(
        title="Redis list, stream or sorted set",
        summary="What waits under one key of a Redis or Valkey.",
        glyph="M2.5 5 8 2.5 13.5 5 8 7.5Zm0 3L8 10.5 13.5 8M2.5 11 8 13.5 13.5 11",
        suggested={"interval": "30s", "timeout": "5s"},
    )

    structure: Literal["list", "stream", "sorted_set"] = Field("list", title="Structure")
    key: Annotated[Line, Field(min_length=1, max_length=500)] = Field(title="Key", examples=["jobs:pending"])
    next_at: Literal["right", "left"] = Field(
        "right",
        title="Next message",
        description="The end of a list from which consumers take.",
        json_schema_extra={"advanced": True},
    )
    time_field: Annotated[Line, Field(min_length=1, max_length=100)] | None = Field(
        None,
        title="Field with the time",
        description="Of a message in JSON, in a list: seconds, milliseconds or ISO 8601. The age is read from it.",
        examples=["enqueued_at"],
        json_schema_extra={"advanced": True},
    )
    score: Literal["none", "time", "due"] = Field(
        "none",
        title="Score",
        description="Of a sorted set: nothing, the time when a message came, or the time when it is due.",
        json_schema_extra={"advanced": True},
    )
    group: Annotated[Line, Field(min_length=1, max_length=200)] | None = Field(
        None,
        title="Consumer group",
        description="Of a stream: the size is then what this group has not got yet.",
        json_schema_extra={"advanced": True},
    )
    max_deliveries: Annotated[int, Field(ge=2, le=1_000)] = Field(
        5,
        title="Deliveries",
        description="A message that a group's consumers got more often without an acknowledgement counts as dead.",
        json_schema_extra={"advanced": True},
    )

    @model_validator(mode="after")
    def _fits_the_structure(self) -> Self:
        if self.group is not None and self.structure != "stream":
            raise wrong_field("group", "only a stream has consumer groups")
        if self.score != "none" and self.structure != "sorted_set":
            raise wrong_field("score", "only a sorted set has scores")
        if self.time_field is not None and self.structure != "list":
            raise wrong_field("time_field", "only a list has messages that name their time")
        return self


class RedisSource:
    name: ClassVar[str] = "redis"
    Config: ClassVar[type[KindConfig]] = RedisQueueConfig

    def targets(self, config: RedisQueueConfig) -> list[Endpoint]:
        return [config.endpoint]

    def lacks(self, fields: Mapping[str, Any]) -> frozenset[str]:
        """Only a consumer group, hence a stream, gives anything up."""
        return frozenset() if fields.get("group") else DEAD_LETTERS

    async def read(self, config: RedisQueueConfig, context: ProbeContext) -> Reading:
        async with session(config, context) as here:
            match config.structure:
                case "list":
                    return await _read_list(here.client, config)
                case "stream":
                    return await redis_stream.read_stream(
                        here.client, config.key, group=config.group, max_deliveries=config.max_deliveries
                    )
                case "sorted_set":
                    return await _read_sorted_set(here.client, config)
        raise AssertionError("a session swallows nothing")

    async def peek(self, config: RedisQueueConfig, context: ProbeContext, *, limit: int) -> Sequence[Message]:
        async with session(config, context) as here:
            match config.structure:
                case "list":
                    return await _peek_list(here.client, config, limit)
                case "stream":
                    return await redis_stream.peek_stream(here.client, config.key, group=config.group, limit=limit)
                case "sorted_set":
                    return await _peek_sorted_set(here.client, config, limit)
        raise AssertionError("a session swallows nothing")

    async def purge(self, config: RedisQueueConfig, context: ProbeContext) -> int:
        """A stream keeps its consumer groups: its messages are trimmed away."""
        async with session(config, context) as here:
            size = await _size(here.client, config)  # refuses a key of another type before it is deleted
            if config.structure == "stream":
                return whole(await here.client.ask("XTRIM", config.key, "MAXLEN", "0")) if size else 0
            answers = await here.client.ask_all(
                [["MULTI"], [_SIZES[config.structure], config.key], ["UNLINK", config.key], ["EXEC"]]
            )
            return whole(listed(answers[-1])[0])
        raise AssertionError("a session swallows nothing")

    async def peek_dead(self, config: RedisQueueConfig, context: ProbeContext, *, limit: int) -> Sequence[Message]:
        async with session(config, context) as here:
            return await redis_dead.peek_dead(here.client, _group(config), limit=limit)
        raise AssertionError("a session swallows nothing")

    async def find_dead(
        self, config: RedisQueueConfig, context: ProbeContext, *, contains: str, limit: int
    ) -> Sequence[str]:
        async with session(config, context) as here:
            return await redis_dead.find_dead(here.client, _group(config), contains=contains, limit=limit)
        raise AssertionError("a session swallows nothing")

    async def retry_dead(self, config: RedisQueueConfig, context: ProbeContext, keys: Sequence[str]) -> int:
        async with session(config, context) as here:
            return await redis_dead.retry_dead(here.client, _group(config), keys)
        raise AssertionError("a session swallows nothing")

    async def discard_dead(self, config: RedisQueueConfig, context: ProbeContext, keys: Sequence[str]) -> int:
        async with session(config, context) as here:
            return await redis_dead.discard_dead(here.client, _group(config), keys)
        raise AssertionError("a session swallows nothing")


def _group(config: RedisQueueConfig) -> redis_dead.Group:
    if config.group is None:
        raise ProbeFailed("receive", "only a consumer group of a stream has dead messages")
    return redis_dead.Group(config.key, config.group, config.max_deliveries)


_SIZES = {"list": "LLEN", "stream": "XLEN", "sorted_set": "ZCARD"}


async def _size(client: RespClient, config: RedisQueueConfig) -> int:
    return whole(await client.ask(_SIZES[config.structure], config.key))


async def _read_list(client: RespClient, config: RedisQueueConfig) -> Reading:
    now = time.time()
    size = await _size(client, config)
    if config.time_field is None:
        return Reading(size)
    head = await client.ask("LINDEX", config.key, "-1" if config.next_at == "right" else "0")
    return Reading(size, _age(head, config.time_field, now))


async def _peek_list(client: RespClient, config: RedisQueueConfig, limit: int) -> list[Message]:
    now = time.time()
    bounds = (str(-limit), "-1") if config.next_at == "right" else ("0", str(limit - 1))
    raw = texts(await client.ask("LRANGE", config.key, *bounds))
    if config.next_at == "right":
        raw.reverse()
    return [
        Message(str(position), shown(text), size_of(text), _age(text, config.time_field, now))
        for position, text in enumerate(raw)
    ]


def _age(raw: Answer, field: str | None, now: float) -> float | None:
    """Of a message in JSON, by the time in that field of it."""
    if field is None or not isinstance(raw, str) or isinstance(raw, CutText):
        return None
    message: Any = None
    with contextlib.suppress(ValueError, RecursionError):
        message = json.loads(raw)
    moment = read_time(message.get(field), now=now) if isinstance(message, dict) else None
    return None if moment is None else max(0.0, now - moment)


async def _read_sorted_set(client: RespClient, config: RedisQueueConfig) -> Reading:
    now = time.time()
    total = await _size(client, config)
    if config.score == "none" or not total:
        return Reading(total, scheduled=0 if config.score == "due" else None)
    first = texts(await client.ask("ZRANGE", config.key, "0", "0", "WITHSCORES"))
    moment, unit = _score_time(first[1] if len(first) == 2 else "")
    if config.score == "time":
        return Reading(total, max(0.0, now - moment))
    due = whole(await client.ask("ZCOUNT", config.key, "-inf", repr(now * unit)))
    return Reading(due, max(0.0, now - moment) if due else None, scheduled=max(0, total - due))


async def _peek_sorted_set(client: RespClient, config: RedisQueueConfig, limit: int) -> list[Message]:
    now = time.time()
    found = texts(await client.ask("ZRANGE", config.key, "0", str(limit - 1), "WITHSCORES"))
    return [
        Message(
            str(position),
            shown(text),
            size_of(text),
            max(0.0, now - _score_time(score)[0]) if config.score != "none" else None,
            {"score": score[:40]},
        )
        for position, (text, score) in enumerate(zip(found[::2], found[1::2], strict=False))
    ]


def _score_time(score: str) -> tuple[float, int]:
    """The time of a score in seconds since the epoch, and how many units of the score are a second."""
    try:
        value = float(score)
    except ValueError:
        raise ProbeFailed("receive", "the answer is not a score") from None
    unit = 1_000 if value >= 100_000_000_000 else 1
    return value / unit, unit

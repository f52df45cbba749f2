"""The records that processes share: one Lua script on Redis, by the server's clock."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from core.breaker.machine import BreakerState, Tally
from core.breaker.storage import NAMES_LIMIT, Operation, Standing, StorageLost, Transition

PREFIX = "quarterdeck:breaker:"
INDEX = "quarterdeck:breakers"
TRANSITIONS = "quarterdeck:breaker-transitions"
FORCED = "quarterdeck:breakers-forced"
HISTORY = "quarterdeck:breaker-history"
_TIMEOUT_SECONDS = 0.5
_SCRIPT = (Path(__file__).parent / "breaker.lua").read_text()


class RedisStorage:
    """``clock`` replaces the server's time, in milliseconds."""

    def __init__(self, url: str, *, clock: Callable[[], int] | None = None) -> None:
        self._client = redis.Redis.from_url(
            url,
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
        )
        self._script = self._client.register_script(_SCRIPT)
        self._clock = clock

    def run(self, operations: Sequence[Operation]) -> list[Standing]:
        if not operations:
            return []
        keys = [PREFIX + operation.name for operation in operations]
        now = "" if self._clock is None else str(self._clock())
        try:
            answers: Any = self._script(
                keys=keys, args=[orjson.dumps(operations), now, INDEX, TRANSITIONS, FORCED, HISTORY]
            )
        except redis.RedisError as error:
            raise StorageLost(str(error)) from error
        return [_standing(operation.name, answer) for operation, answer in zip(operations, answers, strict=True)]

    def names(self, limit: int = NAMES_LIMIT) -> list[str]:
        try:
            found: Any = self._client.zrevrange(INDEX, 0, limit - 1)
        except redis.RedisError as error:
            raise StorageLost(str(error)) from error
        return list(found)

    def forced_open(self) -> frozenset[str]:
        try:
            found: Any = self._client.smembers(FORCED)
        except redis.RedisError as error:
            raise StorageLost(str(error)) from error
        return frozenset(found)

    def take_transitions(self, limit: int) -> list[Transition]:
        try:
            taken: Any = self._client.lpop(TRANSITIONS, limit)
        except redis.RedisError as error:
            raise StorageLost(str(error)) from error
        return [_transition(orjson.loads(text)) for text in taken or ()]

    def history(self, limit: int) -> list[Transition]:
        try:
            found: Any = self._client.lrange(HISTORY, 0, limit - 1)
        except redis.RedisError as error:
            raise StorageLost(str(error)) from error
        return [_transition(orjson.loads(text)) for text in found]


@cache
def shared_storage(url: str) -> RedisStorage:
    """One client a process and address."""
    return RedisStorage(url)


def _standing(name: str, answer: Sequence[Any]) -> Standing:
    state, generation, since, until, reason, admitted, retry_at, calls, failed, slow, permits_out, trial, at = answer
    return Standing(
        name, BreakerState(state), generation, since, until, reason,
        bool(admitted), retry_at, Tally(calls, failed, slow), permits_out, trial, at,
    )  # fmt: skip


def _transition(told: dict[str, Any]) -> Transition:
    return Transition(
        name=told["name"],
        before=BreakerState(told["before"]),
        after=BreakerState(told["after"]),
        at_ms=round(told["at_ms"]),
        generation=round(told["generation"]),
        reason=told["reason"],
        until_ms=round(told["until_ms"]),
    )

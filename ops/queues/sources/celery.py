"""``celery``: a queue of Celery tasks on a Redis or Valkey, and the workers that consume it.

The broker tells the size, by priority, and what is unacked. A stock message does not tell when it was sent. Where one
does (a header such as ``timestamp`` or ``sent_at``, the one of Sentry's SDK, a task id that is a UUID of version 7, an
ETA that is over) the age of the oldest is read from it, else from what earlier looks saw (``arrivals``).
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from core.egress import Endpoint
from core.text import Line
from ops.probing.celery_control import Question
from ops.probing.config import KindConfig, Presentation
from ops.probing.probe import ProbeContext, ProbeFailed
from ops.probing.resp import Answer, CutText, RespClient
from ops.queues.broker_key import broker_key
from ops.queues.sources.answers import listed, size_of, texts, whole
from ops.queues.sources.arrivals import Arrivals, ArrivalsMemory, first_look, next_look
from ops.queues.sources.celery_unacked import read_unacked
from ops.queues.sources.celery_workers import RollCalls, find_consumers, tell_workers
from ops.queues.sources.kombu import PRIORITY_STEPS, Envelope, list_names, read_envelope, read_message
from ops.queues.sources.redis_server import RedisServerConfig, session
from ops.queues.sources.source import CONSUMER_LENGTH, Consumer, Message, Reading

WINDOW = 50
"""The next messages of a list, which are looked into for stamps and ETAs."""

WINDOW_BYTES = 16_384
"""Behind a longer message the others are not looked into."""

SEARCH_MAX = 5_000
"""How far from the left the newest message of the look before is searched."""

NEWEST_CHARACTERS = 8_192
"""A longer message is not remembered, and so not found again."""


def _validate_steps(steps: tuple[int, ...]) -> tuple[int, ...]:
    if list(steps) != sorted(set(steps)):
        raise ValueError("expected different numbers in ascending order, such as 0, 3, 6, 9")
    return steps


class CeleryQueueConfig(RedisServerConfig):
    """``priority_steps`` and ``global_keyprefix`` are as in the app's ``broker_transport_options``."""

    presentation: ClassVar[Presentation] = Presentation(
        title="Celery queue",
        summary="Backlog, age and workers of a Celery queue on Redis or Valkey.",
        glyph="M2.5 4.5h6m-6 3.5h6m-6 3.5h6M11 4l2.5 2-2.5 2M11 9l2.5 2-2.5 2",
        suggested={"interval": "30s", "timeout": "5s"},
    )

    queue: Annotated[Line, Field(min_length=1, max_length=200)] = Field("celery", title="Queue", examples=["celery"])
    priority_steps: Annotated[
        tuple[Annotated[int, Field(ge=0, le=255)], ...],
        Field(min_length=1, max_length=16),
        AfterValidator(_validate_steps),
    ] = Field(
        PRIORITY_STEPS,
        title="Priority steps",
        description="As in broker_transport_options, one a line.",
        json_schema_extra={"advanced": True},
    )
    global_keyprefix: Annotated[Line, Field(max_length=100)] = Field(
        "",
        title="Key prefix",
        description="As global_keyprefix in broker_transport_options.",
        json_schema_extra={"advanced": True},
    )

    @property
    def lists(self) -> dict[int, str]:
        """Keys by priority, in the order in which workers take from them."""
        return list_names(self.global_keyprefix + self.queue, self.priority_steps)

    @property
    def place(self) -> str:
        """The queue at its broker, without secrets."""
        broker = broker_key({"url": self.url, "global_keyprefix": self.global_keyprefix})
        return f"{broker} {self.queue}"


@dataclass(frozen=True, slots=True)
class _List:
    """One priority's list: its size, its next messages, the next first, and what earlier looks saw."""

    size: int
    window: list[Envelope]
    observed: Arrivals | None

    def waiting_since(self, now: float) -> float | None:
        """Since when the oldest message could have been worked on, as far as is known."""
        told = [since for envelope in self.window if (since := envelope.waiting_since()) is not None and since <= now]
        silent = next((at for at, envelope in enumerate(self.window) if envelope.waiting_since() is None), None)
        if silent is not None and self.observed is not None:
            told += [since for since in [self.observed.waiting_since(silent)] if since is not None]
        return min(told, default=None)


def _is_plain(worker: str) -> bool:
    return worker.isprintable() and len(worker) <= CONSUMER_LENGTH


class CelerySource:
    name: ClassVar[str] = "celery"
    Config: ClassVar[type[KindConfig]] = CeleryQueueConfig

    def __init__(self) -> None:
        self._arrivals = ArrivalsMemory()
        self._roll_calls = RollCalls()

    def targets(self, config: CeleryQueueConfig) -> list[Endpoint]:
        return [config.endpoint]

    async def read(self, config: CeleryQueueConfig, context: ProbeContext) -> Reading:
        """``parts`` are the sizes by priority and, where workers answer, what these have of the queue in hand."""
        now, prefix = time.time(), config.global_keyprefix
        async with session(config, context) as here:
            lists = await self._read_lists(config, here.client, now)
            unacked = await read_unacked(here.client, config.queue, keyprefix=prefix, now=now)
            call = await self._roll_calls.of(config, prefix, here)
        since = min((at for found in lists.values() if (at := found.waiting_since(now)) is not None), default=None)
        parts = {f"priority {step}": found.size for step, found in lists.items()}
        if call.queues:
            tasks = call.tasks.get(config.queue, Counter())
            parts |= {name: tasks.get(name, 0) for name in ("active", "reserved")}
        early = sum((envelope.eta or 0) > now for found in lists.values() for envelope in found.window)
        return Reading(
            size=sum(found.size for found in lists.values()),
            oldest_age_seconds=None if since is None else max(0.0, now - since),
            consumers=call.consumers(config.queue),
            unacked=unacked.total,
            scheduled=unacked.scheduled + early,
            parts=parts,
        )

    async def peek(self, config: CeleryQueueConfig, context: ProbeContext, *, limit: int) -> Sequence[Message]:
        found: list[Message] = []
        async with session(config, context) as here:
            for key in config.lists.values():
                if (left := limit - len(found)) > 0:
                    raw = texts(await here.client.ask("LRANGE", key, str(-left), "-1"))
                    found += [read_message(text, now=time.time()) for text in reversed(raw)]
        return found

    async def purge(self, config: CeleryQueueConfig, context: ProbeContext) -> int:
        keys = list(config.lists.values())
        async with session(config, context) as here:
            *_, answers = await here.client.ask_all(
                [["MULTI"], *(["LLEN", key] for key in keys), ["UNLINK", *keys], ["EXEC"]]
            )
        return sum(whole(size) for size in (answers[:-1] if isinstance(answers, list) else ()))

    async def consumers(self, config: CeleryQueueConfig, context: ProbeContext) -> Sequence[Consumer]:
        database, prefix = config.database, config.global_keyprefix
        async with session(config, context) as here:
            workers = await find_consumers(here, config.queue, database=database, keyprefix=prefix)
        return [Consumer(config.place, worker) for worker in workers if _is_plain(worker)]

    async def pause(
        self, config: CeleryQueueConfig, context: ProbeContext, consumers: Sequence[Consumer]
    ) -> Sequence[Consumer]:
        return await self._tell(config, context, "cancel_consumer", consumers)

    async def resume(
        self, config: CeleryQueueConfig, context: ProbeContext, consumers: Sequence[Consumer]
    ) -> Sequence[Consumer]:
        return await self._tell(config, context, "add_consumer", consumers)

    async def _tell(
        self, config: CeleryQueueConfig, context: ProbeContext, method: str, consumers: Sequence[Consumer]
    ) -> Sequence[Consumer]:
        """To those workers alone: another would subscribe to the queue too, and lose tasks that it does not know."""
        workers = [consumer.name for consumer in consumers if consumer.place == config.place]
        if not workers:
            raise ProbeFailed("resolve", "none of these consumers is of this queue")
        question = Question(
            method,
            {"queue": config.queue},
            database=config.database,
            keyprefix=config.global_keyprefix,
            destination=workers,
        )
        async with session(config, context) as here:
            done = await tell_workers(here, question)
        self._roll_calls.forget(config, config.global_keyprefix)
        return [Consumer(config.place, worker) for worker in done if worker in workers]

    async def _read_lists(self, config: CeleryQueueConfig, client: RespClient, now: float) -> dict[int, _List]:
        keys = config.lists
        heads = await client.ask_all([["LINDEX", key, "-1"] for key in keys.values()])
        return {
            step: await self._read_list(config, client, key, head, now)
            for (step, key), head in zip(keys.items(), heads, strict=True)
        }

    async def _read_list(
        self, config: CeleryQueueConfig, client: RespClient, key: str, head: Answer, now: float
    ) -> _List:
        name = (config.url, key)
        before = self._arrivals.get(name)
        if not isinstance(head, str):
            look = _Look(0, None, [])
        else:
            look = await _look(client, key, before, window=WINDOW if size_of(head) <= WINDOW_BYTES else 1)
        arrivals = look.follow(before, now)
        if arrivals is None:
            self._arrivals.forget(name)
        else:
            self._arrivals.put(name, arrivals)
        window = [read_envelope(text, now=now) for text in reversed(look.window)]
        return _List(look.size, window, arrivals if before is not None else None)


@dataclass(frozen=True, slots=True)
class _Look:
    """What a list held at one moment; ``window`` are its next messages, the next one last. ``pushed`` counts what came
    after the newest message of the look before, None when that was not found.
    """

    size: int
    newest: str | None
    window: list[str]
    pushed: int | None = None

    def follow(self, before: Arrivals | None, now: float) -> Arrivals | None:
        """What is now known of the list's arrivals; None when its newest message cannot be remembered."""
        if self.size and self.newest is None:
            return None
        is_lost = self.pushed is None and before is not None and before.size and self.size > SEARCH_MAX
        if before is None or is_lost:  # lost: it may be there, too far to be found
            return first_look(self.size, self.newest, at=now)
        return next_look(before, size=self.size, newest=self.newest, pushed=self.pushed, at=now)


async def _look(client: RespClient, key: str, before: Arrivals | None, *, window: int) -> _Look:
    """Raises ``ProbeFailed``."""
    commands = [["MULTI"], ["LLEN", key], ["LINDEX", key, "0"], ["LRANGE", key, str(-window), "-1"]]
    if before is not None and before.newest is not None:
        commands.append(["LPOS", key, before.newest, "MAXLEN", str(SEARCH_MAX)])
    size, newest, messages, *pushed = listed((await client.ask_all([*commands, ["EXEC"]]))[-1])
    is_kept = isinstance(newest, str) and not isinstance(newest, CutText) and len(newest) <= NEWEST_CHARACTERS
    return _Look(
        whole(size),
        newest if is_kept and isinstance(newest, str) else None,
        texts(messages),
        next((at for at in pushed if isinstance(at, int)), None),
    )

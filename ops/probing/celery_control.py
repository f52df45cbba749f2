"""Celery's remote control over a Redis or Valkey: one question to workers, their answers in bounded time.

It speaks kombu's way of using Redis (``kombu.pidbox`` and the fanout of ``kombu.transport.redis``): the question is
published to the channel of the exchange ``celery.pidbox``, answers come to a list of our own, made known by a binding.
"""

import asyncio
import base64
import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ops.probing.attempt import Attempt
from ops.probing.resp import RespClient

ANSWERS_MAX = 10_000
SETTLE_SECONDS = 0.25
"""Once all that is expected has answered, the time for more to answer."""

SEPARATOR = "\x06\x16"
"""Of the parts of a binding and of the priorities of a queue, as kombu writes them."""

_EXCHANGE = "celery.pidbox"
_REPLY_EXCHANGE = "reply.celery.pidbox"


@dataclass(frozen=True, slots=True)
class Question:
    """A command of remote control such as ``active_queues``; ``keyprefix`` is kombu's ``global_keyprefix``.

    ``destination`` names the workers that follow it, None is all of them. Raises ``ValueError`` for an empty one, which
    every worker would follow.
    """

    method: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    database: int = 0
    keyprefix: str = ""
    destination: Sequence[str] | None = None

    def __post_init__(self) -> None:
        if self.destination is not None and not self.destination:
            raise ValueError("a question to no worker would be one to all")


@dataclass(slots=True)
class Replies:
    """``heard`` workers got the question; ``answers`` are by worker, ``answered_us`` is when the last one came."""

    heard: int = 0
    answers: dict[str, Any] = field(default_factory=dict)
    answered_us: int = 0


async def ask_workers(
    client: RespClient, running: Attempt, question: Question, patience: Callable[[Replies], float]
) -> Replies:
    """``patience`` says for how many seconds to wait for another answer; none: it is enough. Raises ``ProbeFailed``.

    Nothing of the question stays behind on a broker that still answers.
    """
    address = str(uuid.uuid4())
    queue = f"{address}.{_REPLY_EXCHANGE}"
    bindings, binding = f"{question.keyprefix}_kombu.binding.{_REPLY_EXCHANGE}", SEPARATOR.join((address, "", queue))
    channel = f"{question.keyprefix}/{question.database}.{_EXCHANGE}"
    await client.ask("SADD", bindings, binding)
    heard = await client.ask("PUBLISH", channel, _message(question, address))
    replies = Replies(heard if isinstance(heard, int) else 0)
    if replies.heard:
        await _collect(client, running, question.keyprefix + queue, replies, patience)
    await client.ask("SREM", bindings, binding)
    await client.ask("DEL", question.keyprefix + queue)
    return replies


async def _collect(
    client: RespClient, running: Attempt, key: str, replies: Replies, patience: Callable[[Replies], float]
) -> None:
    while len(replies.answers) < ANSWERS_MAX and (seconds := patience(replies)) > 0:
        item = await client.ask("BRPOP", key, f"{seconds:.3f}")
        if not isinstance(item, list) or len(item) != 2:
            return
        replies.answers.update(_read_answer(str(item[1])))
        replies.answered_us = running.elapsed_us
        await asyncio.sleep(0)  # a broker that floods must not keep the others from running


def _message(question: Question, address: str) -> str:
    """As kombu publishes it; answered to the routing key ``address``. Who is meant, each worker judges for itself."""
    body = {
        "method": question.method,
        "arguments": dict(question.arguments),
        "destination": None if question.destination is None else list(question.destination),
        "pattern": None,
        "matcher": None,
        "ticket": str(uuid.uuid4()),
        "reply_to": {"exchange": _REPLY_EXCHANGE, "routing_key": address},
    }
    message = {
        "body": base64.b64encode(json.dumps(body).encode()).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"clock": 1},
        "properties": {
            "delivery_mode": 1,
            "delivery_info": {"exchange": _EXCHANGE, "routing_key": ""},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": str(uuid.uuid4()),
        },
    }
    return json.dumps(message)


def _read_answer(text: str) -> Iterator[tuple[str, Any]]:
    """Worker and what it answers. What is not an answer is passed over: others may write to the list."""
    try:
        message = json.loads(text)
        body: Any = message["body"]
        if message["properties"].get("body_encoding") == "base64":
            body = base64.b64decode(body)
        for worker, answer in json.loads(body).items():
            yield str(worker), answer
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return


def consumed_queues(answer: Any) -> list[str]:
    """The names of the queues in a worker's answer to ``active_queues``."""
    if not isinstance(answer, list):
        return []
    return [str(queue["name"]) for queue in answer if isinstance(queue, dict) and "name" in queue]

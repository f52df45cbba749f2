"""Listening to the events of a Celery app on a Redis or Valkey, as ``celery events`` does, for a bounded time.

kombu publishes events to channels ``/<database>.celeryev/<routing key>``. Nobody keeps them: what happens while nobody
listens is missed. Workers send them when they run with ``-E`` or ``worker_send_task_events``.
"""

import base64
import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

from ops.probing.probe import ProbeContext, ProbeFailed
from ops.probing.resp import CutText
from ops.queues.sources.redis_server import RedisServerConfig, session
from ops.queues.task_events import TaskStatistics

EVENTS_PER_MESSAGE_MAX = 10_000


async def listen(
    config: RedisServerConfig,
    context: ProbeContext,
    statistics: TaskStatistics,
    *,
    keyprefix: str = "",
    note_alive: Callable[[], None] = lambda: None,
) -> None:
    """Add what is heard within the context's time; ``note_alive`` is called once signed in, then for each message.

    Raises ``ProbeFailed`` when it cannot listen for so long.
    """
    try:
        async with session(config, context) as here:
            here.running.doing = "listening"
            note_alive()
            async for text in here.client.listen(f"{_as_pattern(keyprefix)}/{config.database}.celeryev/*"):
                note_alive()
                for event in read_events(text):
                    statistics.add(event, at=time.time())
    except ProbeFailed as failed:
        if failed.phase != "timeout" or not failed.message.endswith("while listening"):
            raise


def _as_pattern(text: str) -> str:
    """A pattern of Redis that means the text itself."""
    return re.sub(r"([\\*?\[\]^-])", r"\\\1", text)


def read_events(text: str) -> Iterator[dict[str, Any]]:
    """The events of one message of kombu, which may hold several. What is none is passed over."""
    if isinstance(text, CutText):
        return
    try:
        message = json.loads(text)
        body: Any = message["body"]
        if message["properties"].get("body_encoding") == "base64":
            body = base64.b64decode(body)
        events = json.loads(body)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return
    for event in (events if isinstance(events, list) else [events])[:EVENTS_PER_MESSAGE_MAX]:
        if isinstance(event, dict):
            yield event

"""``outbox``: a table of Quarterdeck itself in which work waits, so that our own backlog is seen like any other.

It dials nobody: it asks the database that the platform is configured to use.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, ClassVar

from django.db import DatabaseError, connection
from pydantic import AfterValidator, Field

from core.clock import now_ms
from core.egress import Endpoint
from core.text import Line
from ops.probing.config import KindConfig, Presentation
from ops.probing.probe import ProbeContext, ProbeFailed
from ops.queues.sources.source import Reading
from ops.sampling.outboxes import OUTBOXES, Backlog

_asking = ThreadPoolExecutor(2, thread_name_prefix="outbox")
"""Bounded: while the database hangs no more threads than these do."""


def _known(name: str) -> str:
    if name not in OUTBOXES:
        raise ValueError(f"there is no such outbox; there are {', '.join(OUTBOXES.names())}")
    return name


class OutboxConfig(KindConfig):
    presentation: ClassVar[Presentation] = Presentation(
        title="Quarterdeck itself",
        summary="What waits for Quarterdeck's own worker, such as error events to be grouped.",
        glyph="M2.5 9.5v4h11v-4M8 2.5v7M5 6.5l3 3 3-3",
        suggested={"interval": "10s", "timeout": "3s", "max_age": "1m"},
        dials=False,
    )
    meaningless: ClassVar[frozenset[str]] = frozenset({"min_consumers"})

    outbox: Annotated[Line, AfterValidator(_known)] = Field("errors", title="What waits")


class OutboxSource:
    name: ClassVar[str] = "outbox"
    Config: ClassVar[type[KindConfig]] = OutboxConfig

    def targets(self, config: OutboxConfig) -> list[Endpoint]:  # noqa: ARG002 - nothing that was typed is dialled
        return []

    async def read(self, config: OutboxConfig, context: ProbeContext) -> Reading:
        asked = asyncio.get_running_loop().run_in_executor(_asking, _count, config.outbox)
        try:
            backlog = await asyncio.wait_for(asked, context.timeout_seconds)
        except TimeoutError:
            raise ProbeFailed("timeout", "the database does not answer") from None
        except DatabaseError as error:
            raise ProbeFailed("receive", f"the database cannot be asked: {type(error).__name__}") from None
        oldest_ms = backlog.oldest_ms
        return Reading(backlog.size, None if oldest_ms is None else max(0.0, (now_ms() - oldest_ms) / 1_000))


def _count(name: str) -> Backlog:
    count = OUTBOXES.get(name)
    assert count is not None
    try:
        return count()
    finally:
        connection.close()

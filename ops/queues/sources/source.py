"""What a queue source is: the port between sampling and everything in which work can pile up.

A source is one file in this package and one registration in ``ops.queues.sources``. What it can do beyond being read it
says by the protocols that it fulfils: ``Peekable``, ``Purgeable``, ``Pausable``, ``DeadLettered``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable

from ops.definitions.definition import Kind
from ops.probing.probe import ProbeContext

CONSUMER_LENGTH = 255


@dataclass(frozen=True, slots=True)
class Reading:
    """What one look at a queue saw; None is what this source cannot tell.

    ``size`` counts the messages that wait, ``oldest_age_seconds`` is how long the oldest of them does, ``unacked``
    counts those that a consumer has and did not finish, ``scheduled`` those that wait for their time, ``dead`` those
    that were given up. ``added`` and ``removed`` are counters since the source began. ``parts`` names sizes within,
    such as of priorities or consumer groups.
    """

    size: int
    oldest_age_seconds: float | None = None
    consumers: int | None = None
    unacked: int | None = None
    scheduled: int | None = None
    dead: int | None = None
    added: int | None = None
    removed: int | None = None
    parts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """One message in a queue. ``key`` names it for retry and discard; ``body`` is text, cut, not yet redacted."""

    key: str
    body: str
    size_bytes: int
    age_seconds: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Consumer(NamedTuple):
    """One that takes from a queue; its ``name`` has at most ``CONSUMER_LENGTH`` characters.

    ``place`` is the queue at its server, without secrets: elsewhere the same name may be another's.
    """

    place: str
    name: str


class QueueSource(Kind, Protocol):
    async def read(self, config: Any, context: ProbeContext) -> Reading:
        """Look once. Raises ``ProbeFailed``; ends by itself within the context's time."""
        ...


@runtime_checkable
class Peekable(Protocol):
    async def peek(self, config: Any, context: ProbeContext, *, limit: int) -> Sequence[Message]:
        """The next messages, the oldest first, which stay where they are. Raises ``ProbeFailed``."""
        ...


@runtime_checkable
class Purgeable(Protocol):
    async def purge(self, config: Any, context: ProbeContext) -> int:
        """Delete all that waits; how many messages it were. Raises ``ProbeFailed``."""
        ...


@runtime_checkable
class Pausable(Protocol):
    async def consumers(self, config: Any, context: ProbeContext) -> Sequence[Consumer]:
        """Those that consume now, as far as they answer. Raises ``ProbeFailed``."""
        ...

    async def pause(self, config: Any, context: ProbeContext, consumers: Sequence[Consumer]) -> Sequence[Consumer]:
        """Have these stop, and no others; those that took notice. Raises ``ProbeFailed``."""
        ...

    async def resume(self, config: Any, context: ProbeContext, consumers: Sequence[Consumer]) -> Sequence[Consumer]:
        """Have these consume again, and no others; those that took notice. Raises ``ProbeFailed``."""
        ...


@runtime_checkable
class DeadLettered(Protocol):
    async def peek_dead(self, config: Any, context: ProbeContext, *, limit: int) -> Sequence[Message]:
        """The messages that were given up, the oldest first. Raises ``ProbeFailed``."""
        ...

    async def find_dead(self, config: Any, context: ProbeContext, *, contains: str, limit: int) -> Sequence[str]:
        """The keys of those whose body contains the text, the oldest first. Raises ``ProbeFailed``."""
        ...

    async def retry_dead(self, config: Any, context: ProbeContext, keys: Sequence[str]) -> int:
        """Put dead messages back into their queue; how many were found. Raises ``ProbeFailed``."""
        ...

    async def discard_dead(self, config: Any, context: ProbeContext, keys: Sequence[str]) -> int: ...


@runtime_checkable
class Selective(Protocol):
    def lacks(self, fields: Mapping[str, Any]) -> frozenset[str]:
        """What a queue with these fields, as they are stored, does not offer; words of ``sources.abilities``."""
        ...

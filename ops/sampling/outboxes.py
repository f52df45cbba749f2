"""Tables of Quarterdeck itself in which work waits for a worker; slices register theirs when the application starts."""

from collections.abc import Callable
from typing import NamedTuple

from core.registry import Registry


class Backlog(NamedTuple):
    """How much waits, and since when the oldest does, in milliseconds since the epoch; None where nothing waits."""

    size: int
    oldest_ms: int | None


OUTBOXES: Registry[Callable[[], Backlog]] = Registry("outbox")

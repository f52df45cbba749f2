"""What can be done with the messages and consumers of a queue, in the words of ``can``."""

from collections.abc import Mapping
from typing import Any

from ops.queues.sources.source import DeadLettered, Pausable, Peekable, Purgeable, Selective

DEAD_LETTERS = frozenset({"peek_dead", "retry_dead", "discard_dead"})
METHODS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (Peekable, ("peek",)),
    (Purgeable, ("purge",)),
    (Pausable, ("consumers", "pause", "resume")),
    (DeadLettered, ("peek_dead", "find_dead", "retry_dead", "discard_dead")),
)
"""What a source of each protocol has. All but those that help the others are offered by that word."""

_HELPERS = frozenset({"find_dead", "consumers"})


def abilities_of(source: Any, fields: Mapping[str, Any]) -> frozenset[str]:
    """Of a source, or None, with these fields as they are stored."""
    able = frozenset(name for ability, names in METHODS if isinstance(source, ability) for name in names) - _HELPERS
    return able - source.lacks(fields) if isinstance(source, Selective) else able

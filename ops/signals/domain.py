"""What slices say of an entity. Pure."""

import enum
from collections.abc import Iterable
from typing import NamedTuple


class Status(enum.IntEnum):
    """How something that is watched fares; stored as this number, ordered by severity."""

    HEALTHY = 0
    UNKNOWN = 1
    DEGRADED = 2
    UNHEALTHY = 3

    @property
    def word(self) -> str:
        return self.name.lower()


PAUSED_SEVERITY = -1
"""Sorts below healthy: nobody waits for what is paused."""

WORDS = {PAUSED_SEVERITY: "paused", **{status.value: status.word for status in Status}}


class Signal(enum.StrEnum):
    """The four questions that are asked of an entity."""

    HEALTH = "health"
    QUEUE = "queue"
    BREAKER = "breaker"
    ERRORS = "errors"


class Standing(NamedTuple):
    """The worst that one slice says of an entity, a key of ``WORDS``; since when in ms since the epoch, 0 is never."""

    severity: int
    since_ms: int


class Reason(NamedTuple):
    """One thing of an entity that is not healthy: its name, how it fares, and why in words."""

    entity_id: int
    signal: Signal
    name: str
    severity: Status
    message: str
    since_ms: int


type Told = tuple[int, int, int, int]
"""That some signals of an entity have a severity: its id, the severity, since when the first and the last has it."""


def worst_standings(told: Iterable[Told]) -> dict[int, Standing]:
    """Of each entity: fine since the last of its signals became so, in trouble since the first of the worst did."""
    worst: dict[int, Standing] = {}
    for entity_id, severity, first_ms, last_ms in told:
        known = worst.get(entity_id)
        if known is None or severity > known.severity:
            worst[entity_id] = Standing(severity, first_ms if severity > Status.HEALTHY else last_ms)
        elif severity == known.severity:
            since = min(first_ms, known.since_ms) if severity > Status.HEALTHY else max(last_ms, known.since_ms)
            worst[entity_id] = Standing(severity, since)
    return worst

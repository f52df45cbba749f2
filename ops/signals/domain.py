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


def worst_standings(rows: Iterable[tuple[int, int, int, int]]) -> dict[int, Standing]:
    """Of each entity, from rows of its id, a severity, and since when the first and the last of its signals has that.

    Fine since the last of them became so, in trouble since the first did.
    """
    worst: dict[int, Standing] = {}
    for entity_id, severity, first_ms, last_ms in rows:
        if entity_id not in worst or severity > worst[entity_id].severity:
            worst[entity_id] = Standing(severity, first_ms if severity > Status.HEALTHY else last_ms)
    return worst


def worst_standing(standings: Iterable[Standing]) -> Standing | None:
    """Of several signals of one entity: fine since the last of them became so, in trouble since the first did."""
    worst: Standing | None = None
    for standing in standings:
        if worst is None or standing.severity > worst.severity:
            worst = standing
        elif standing.severity == worst.severity:
            choose = min if standing.severity > Status.HEALTHY else max
            worst = Standing(worst.severity, choose(worst.since_ms, standing.since_ms))
    return worst

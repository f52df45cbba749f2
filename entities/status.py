"""The port through which the catalogue learns an entity's status from the slices above it.

The catalogue knows what exists, not how it fares. ``ops`` registers one source when the application starts.
"""

import datetime as dt
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Literal, get_args


@dataclass(frozen=True, slots=True)
class StatusReason:
    """One reason for a status: what says what, since when. ``signal`` is health, queue, breaker or errors."""

    signal: str
    name: str
    status: str
    message: str
    since: dt.datetime | None


@dataclass(frozen=True, slots=True)
class EntityStatus:
    """``status`` is a word of the vocabulary; ``caused_by`` names the failing entities behind ``impacted``."""

    status: str
    since: dt.datetime | None = None
    reasons: tuple[StatusReason, ...] = ()
    caused_by: tuple[str, ...] = ()


StatusWord = Literal["healthy", "paused", "maintenance", "unknown", "impacted", "degraded", "unhealthy"]
STATUSES: tuple[str, ...] = get_args(StatusWord)
"""Every status of an entity, from calm to loud; lists sort by this order."""

UNKNOWN = EntityStatus(status="unknown")

type StatusSource = Callable[[Collection[int] | None], Mapping[int, EntityStatus]]
"""From primary keys of entities (None: all) to their statuses; an entity left out is unknown."""

_sources: list[StatusSource] = []


def register_status_source(source: StatusSource) -> None:
    _sources[:] = [source]


def entity_statuses(ids: Collection[int] | None) -> Mapping[int, EntityStatus]:
    return _sources[0](ids) if _sources else {}


def status_rank(status: str) -> int:
    return STATUSES.index(status)

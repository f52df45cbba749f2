"""How entities fare: the worst that their signals say, and what they suffer from through hard dependencies."""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache

from core.clock import database_now_ms, from_ms
from entities.domain import Lifecycle, Strength
from entities.models import Dependency, Entity
from entities.status import EntityStatus, StatusReason
from ops.health.selectors import newest_result_ms
from ops.signals.domain import WORDS, Reason, Standing, Status, Told, worst_standings
from ops.statuses.impact import roll_up_impact
from ops.statuses.sources import SOURCES

MAX_REASONS = 20
"""Reasons that one entity carries at most, the worst first."""
MAX_NAMED = 500
"""So many entities are asked about by name; instead of more, about all."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many entities have which status, and when the newest result of all came in."""

    counts: Mapping[str, int]
    newest_result_at: dt.datetime | None

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Graph:
    """Entities with their names, and whether they are active; and who needs whom hard, ``(dependant, dependency)``."""

    entities: Mapping[int, tuple[str, bool]]
    hard_edges: Iterable[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Statuses:
    """The statuses of a graph's entities, and what they were made from: what each source told, what followed."""

    of: Mapping[int, EntityStatus]
    told: Sequence[frozenset[Told]]
    own: Mapping[int, Standing]
    causes: Mapping[int, frozenset[int]]


def entity_statuses(ids: Collection[int] | None) -> Mapping[int, EntityStatus]:
    """The statuses of the entities with these primary keys; None: of all. As many queries for any number of them.

    The status is the worst that the entity's signals say; ``paused`` when nothing is left that would say anything, or
    the entity is inactive. An entity that is itself fine, or of which no signal tells, is ``impacted`` while an entity
    that it needs hard, directly or through others, is unhealthy. ``caused_by`` names the root causes of any entity that
    has some.
    """
    entities = Entity.objects.order_by() if ids is None else Entity.objects.order_by().filter(id__in=ids)
    rows = entities.values_list("id", "name", "lifecycle")
    return read_statuses(Graph({pk: (name, cycle == Lifecycle.ACTIVE) for pk, name, cycle in rows}, hard_edges())).of


def hard_edges() -> Iterable[tuple[int, int]]:
    """Of the whole catalogue; read when it is iterated over."""
    return Dependency.objects.filter(strength=Strength.HARD).order_by().values_list("entity_id", "depends_on_id")


_NOTHING = Statuses({}, [frozenset()] * len(SOURCES), {}, {})


def read_statuses(graph: Graph, before: Statuses = _NOTHING) -> Statuses:
    """All that is told is read. Of what was read ``before`` of the same graph, those statuses are made anew that can be
    others by now: of entities of which something else is told, that are in trouble, or that suffer or suffered from
    others. All the rest stay the same objects.
    """
    now = database_now_ms()
    told = [frozenset(source.told(now)) for source in SOURCES]
    moved = {row[0] for ours, theirs in zip(told, before.told, strict=True) for row in ours ^ theirs}
    own = {pk: standing for pk, standing in before.own.items() if pk not in moved}
    own |= worst_standings(row for found in told for row in found if row[0] in moved)
    failing = [pk for pk, standing in own.items() if standing.severity == Status.UNHEALTHY]
    causes = roll_up_impact(failing=failing, edges=graph.hard_edges) if failing else {}
    entities = graph.entities
    troubled = [{row[0] for row in found if row[1] > Status.HEALTHY} & entities.keys() for found in told]
    reasons = _reasons(troubled, now)
    names = _names_of({cause for pk in causes.keys() & entities.keys() for cause in causes[pk]}, entities)
    statuses = dict(before.of)
    for pk in entities.keys() & moved.union(*troubled, causes, before.causes) | entities.keys() - statuses.keys():
        statuses[pk] = _status_of(
            is_active=entities[pk][1],
            own=own.get(pk),
            reasons=reasons.get(pk, ()),
            causes={names[cause]: own[cause].since_ms for cause in causes.get(pk, ())},
        )
    return Statuses(statuses, told, own, causes)


def status_reasons(ids: Collection[int]) -> Mapping[int, tuple[StatusReason, ...]]:
    """What the reasons of these entities say now; one without a reason is left out."""
    return _reasons([set(ids)] * len(SOURCES), database_now_ms())


def verdict(counts: Mapping[str, int] | None = None) -> Verdict:
    """The sum of all statuses; pass ``counts`` of them when they are at hand."""
    found = Counter(status.status for status in entity_statuses(None).values()) if counts is None else counts
    newest = newest_result_ms()
    return Verdict(counts=dict(found), newest_result_at=None if newest is None else from_ms(newest))


def _names_of(causes: set[int], known: Mapping[int, tuple[str, bool]]) -> dict[int, str]:
    names = {cause: known[cause][0] for cause in causes if cause in known}
    if missing := causes - names.keys():
        names.update(Entity.objects.filter(id__in=missing).values_list("id", "name"))
    return names


def _reasons(asked: Iterable[AbstractSet[int]], now_ms: int) -> Mapping[int, tuple[StatusReason, ...]]:
    """What each source says of the entities that it is asked about; it is not asked about none."""
    found: dict[int, list[Reason]] = defaultdict(list)
    for source, entity_ids in zip(SOURCES, asked, strict=True):
        if entity_ids:
            for reason in source.reasons(entity_ids if len(entity_ids) < MAX_NAMED else None, now_ms):
                if reason.entity_id in entity_ids:
                    found[reason.entity_id].append(reason)
    return {entity_id: _worst_first(reasons) for entity_id, reasons in found.items()}


def _worst_first(reasons: list[Reason]) -> tuple[StatusReason, ...]:
    reasons.sort(key=lambda reason: (-reason.severity, reason.since_ms, reason.name))
    return tuple(
        StatusReason(reason.signal.value, reason.name, reason.severity.word, reason.message, _moment(reason.since_ms))
        for reason in reasons[:MAX_REASONS]
    )


def _status_of(
    *, is_active: bool, own: Standing | None, reasons: tuple[StatusReason, ...], causes: Mapping[str, int]
) -> EntityStatus:
    if not is_active:
        return EntityStatus(status="paused")
    if not causes and own is not None and own.severity == Status.HEALTHY:
        return _healthy(own.since_ms)  # nearly all of a large fleet
    caused_by = tuple(sorted(causes))
    if causes and (own is None or own.severity == Status.HEALTHY):
        return EntityStatus(status="impacted", since=_moment(min(causes.values())), caused_by=caused_by)
    if own is None:
        return EntityStatus(status="unknown")
    return EntityStatus(status=WORDS[own.severity], since=_moment(own.since_ms), reasons=reasons, caused_by=caused_by)


@lru_cache(maxsize=20_000)
def _healthy(since_ms: int) -> EntityStatus:
    """One for each moment: many entities turned healthy at once."""
    return EntityStatus(status=Status.HEALTHY.word, since=_moment(since_ms))


def _moment(value_ms: int) -> dt.datetime | None:
    return from_ms(value_ms) if value_ms else None

"""The part of the graph of dependencies around one entity, bounded to what a drawing can show."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from core.permissions import Permission, Principal
from entities.domain import Strength
from entities.models import Dependency, Entity
from entities.status import UNKNOWN, EntityStatus, entity_statuses, status_rank

DEPTH = 2
"""Steps shown to either side."""

LAYER_MAX = 6
"""Entities shown of one layer; the loudest are."""


@dataclass(frozen=True, slots=True)
class Node:
    """``layer`` is the distance from the entity in the middle: negative needs it, positive is needed by it."""

    id: int
    name: str
    kind: str
    layer: int
    status: EntityStatus


@dataclass(frozen=True, slots=True)
class Link:
    """``dependant`` needs ``dependency``; primary keys."""

    dependant: int
    dependency: int
    is_hard: bool


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """``hidden`` counts, by layer, entities that are there but not among ``nodes``."""

    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    hidden: Mapping[int, int]


def read_neighbourhood(*, principal: Principal, entity_id: int) -> Neighbourhood:
    """What the entity needs and what needs it, directly or over ``DEPTH`` steps.

    Only entities that are shown are followed further, so that a hub costs no more than a leaf.
    """
    principal.require(Permission.CATALOG_VIEW)
    layers: dict[int, int] = {entity_id: 0}
    hidden: dict[int, int] = {}
    for direction in (-1, 1):
        reached = [entity_id]
        for distance in range(1, DEPTH + 1):
            found = _next_ids(reached, direction) - layers.keys()
            reached = _loudest(found)
            layers |= dict.fromkeys(reached, direction * distance)
            if len(found) > len(reached):
                hidden[direction * distance] = len(found) - len(reached)
    links = Dependency.objects.filter(entity_id__in=layers, depends_on_id__in=layers).order_by("id")
    statuses = entity_statuses(list(layers))
    rows = Entity.objects.filter(pk__in=layers).order_by("name").values_list("id", "name", "kind")
    return Neighbourhood(
        nodes=tuple(Node(pk, name, kind, layers[pk], statuses.get(pk, UNKNOWN)) for pk, name, kind in rows),
        links=tuple(Link(row.entity_id, row.depends_on_id, row.strength == Strength.HARD) for row in links),
        hidden=hidden,
    )


def _next_ids(reached: Collection[int], direction: int) -> set[int]:
    here, there = ("entity_id", "depends_on_id") if direction > 0 else ("depends_on_id", "entity_id")
    return set(Dependency.objects.filter(**{f"{here}__in": reached}).values_list(there, flat=True))


def _loudest(ids: Collection[int]) -> list[int]:
    """At most ``LAYER_MAX`` of them: the worst status first, then the first by name."""
    if len(ids) <= LAYER_MAX:
        return list(ids)
    statuses = entity_statuses(ids)
    names = dict(Entity.objects.filter(pk__in=ids).values_list("id", "name"))
    return sorted(names, key=lambda pk: (-status_rank(statuses.get(pk, UNKNOWN).status), names[pk]))[:LAYER_MAX]

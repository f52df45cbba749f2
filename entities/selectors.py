"""Reads of the catalogue, as frozen rows. Every one starts from what the principal may see."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from core.errors import FieldError, NotFound, ValidationFailed
from core.pagination import Page, SortKey, cut_page, decode_cursor, seek
from core.permissions import Permission, Principal
from core.text import STORED
from entities.definition import EntityDefinition
from entities.domain import Lifecycle, is_entity_uid, is_name
from entities.filters import EntityFilter, narrowed
from entities.models import Dependency, Entity
from entities.status import UNKNOWN, EntityStatus, entity_statuses, status_rank

SORTS = ("name", "tier", "kind", "status", "updated")
LIMIT_DEFAULT = 100
LIMIT_MAX = 500


@dataclass(frozen=True, slots=True)
class DependencyRow:
    """One end of a dependency: the other entity, and how strong the need is."""

    uid: str
    name: str
    strength: str


@dataclass(frozen=True, slots=True)
class EntityRow:
    """An entity with its status. ``id`` is the primary key, for other slices; ``uid`` is what the outside sees."""

    id: int
    uid: str
    name: str
    kind: str
    title: str
    description: str
    team: str | None
    tier: int
    environment: str
    labels: dict[str, str]
    links: dict[str, str]
    lifecycle: str
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime
    depends_on: tuple[DependencyRow, ...]
    status: EntityStatus


@dataclass(frozen=True, slots=True)
class NeighbourRow:
    """A dependency or dependant of an entity, with its status."""

    uid: str
    name: str
    kind: str
    strength: str
    status: EntityStatus


@dataclass(frozen=True, slots=True)
class Neighbours:
    dependencies: tuple[NeighbourRow, ...]
    dependants: tuple[NeighbourRow, ...]


@dataclass(frozen=True, slots=True)
class LinkedEntity:
    """An entity with the address of one of its links; ``team`` is empty when it has none."""

    name: str
    kind: str
    team: str
    tier: int
    environment: str
    labels: Mapping[str, str]
    link: str


def entities_with_link(link: str) -> list[LinkedEntity]:
    """Every active entity that has a link of that name, by name."""
    rows = Entity.objects.filter(lifecycle=Lifecycle.ACTIVE, links__has_key=link).order_by("name")
    return [
        LinkedEntity(name, kind, team or "", tier, environment, labels, str(links[link]))
        for name, kind, team, tier, environment, labels, links in rows.values_list(
            "name", "kind", "team__name", "tier", "environment", "labels", "links"
        )
    ]


def match_ref(ref: str) -> Q:
    """``ref`` is the uid or the name of an entity; no name may look like a uid."""
    return Q(uid=ref) if is_entity_uid(ref) else Q(name=ref)


def find_entity(ref: str, *, queryset: QuerySet[Entity] | None = None) -> Entity:
    """Raises ``NotFound``."""
    rows = Entity.objects.all() if queryset is None else queryset
    entity = rows.filter(match_ref(ref)).first() if is_entity_uid(ref) or is_name(ref) else None
    if entity is None:
        raise NotFound(f"There is no entity {ref[:80]!r}")
    return entity


def get_entity(*, principal: Principal, ref: str) -> EntityRow:
    """The entity of that uid or name.

    Raises ``NotFound``.
    """
    principal.require(Permission.CATALOG_VIEW)
    entity = find_entity(ref, queryset=stored_entities())
    return _row(entity, entity_statuses([entity.pk]).get(entity.pk, UNKNOWN))


def list_entities(
    *,
    principal: Principal,
    narrow: EntityFilter | None = None,
    sort: str = "name",
    cursor: str | None = None,
    limit: int = LIMIT_DEFAULT,
) -> Page[EntityRow]:
    """One page. ``sort`` is one of ``SORTS``, descending with a ``-`` before it; equals are ordered by name.

    An entity that is created between two pages neither repeats nor hides another. Raises ``ValidationFailed`` for an
    unknown sort or a cursor that was not made by this list with this sort.
    """
    principal.require(Permission.CATALOG_VIEW)
    narrow = narrow or EntityFilter()
    if sort.removeprefix("-") not in SORTS:
        raise ValidationFailed(
            "Unknown sort", errors=(FieldError("sort", f"expected one of {', '.join(SORTS)}, or -name"),)
        )
    by_status = sort.removeprefix("-") == "status" or narrow.status is not None
    purpose = f"entities:{sort}:{'status' if by_status else 'columns'}"
    position = decode_cursor(cursor, purpose=purpose) if cursor else None
    if by_status:
        return _page_by_status(narrow, sort=sort, position=position, limit=limit, purpose=purpose)
    keys = _sort_keys(sort)
    found = list(seek(narrowed(stored_entities(), narrow), keys, position)[: limit + 1])
    statuses = entity_statuses([entity.pk for entity in found])
    return cut_page(
        [_row(entity, statuses.get(entity.pk, UNKNOWN)) for entity in found],
        limit=limit,
        purpose=purpose,
        position_of=lambda row: [_key_value(row, key.field) for key in keys],
    )


def list_neighbours(*, principal: Principal, ref: str) -> tuple[EntityRow, Neighbours]:
    """The entity, what it depends on and what depends on it, by name.

    Raises ``NotFound``.
    """
    entity = get_entity(principal=principal, ref=ref)
    needed = list(
        Dependency.objects.filter(entity_id=entity.id).select_related("depends_on").order_by("depends_on__name")
    )
    needing = list(Dependency.objects.filter(depends_on_id=entity.id).select_related("entity").order_by("entity__name"))
    statuses = entity_statuses([*(row.depends_on_id for row in needed), *(row.entity_id for row in needing)])

    def neighbour(other: Entity, strength: str) -> NeighbourRow:
        return NeighbourRow(other.uid, other.name, other.kind, strength, statuses.get(other.pk, UNKNOWN))

    return entity, Neighbours(
        dependencies=tuple(neighbour(row.depends_on, row.strength) for row in needed),
        dependants=tuple(neighbour(row.entity, row.strength) for row in needing),
    )


def definition_of(entity: Entity) -> EntityDefinition:
    """The stored entity as people would write it. Reads ``team`` and ``dependencies``: prefetch them for many."""
    return EntityDefinition.model_validate(
        {
            "name": entity.name,
            "kind": entity.kind,
            "title": entity.title,
            "description": entity.description,
            "team": entity.team.name if entity.team else None,
            "tier": entity.tier,
            "environment": entity.environment,
            "labels": entity.labels,
            "links": entity.links,
            "lifecycle": entity.lifecycle,
            "depends_on": [
                {"name": row.depends_on.name, "strength": row.strength} for row in entity.dependencies.all()
            ],
        },
        context={STORED: True},
    )


def stored_entities() -> QuerySet[Entity]:
    """All entities with team and dependencies, in three queries; for services and the catalogue file."""
    return Entity.objects.select_related("team").prefetch_related("dependencies__depends_on")


def _row(entity: Entity, status: EntityStatus) -> EntityRow:
    return EntityRow(
        id=entity.pk,
        uid=entity.uid,
        name=entity.name,
        kind=entity.kind,
        title=entity.title,
        description=entity.description,
        team=entity.team.name if entity.team else None,
        tier=entity.tier,
        environment=entity.environment,
        labels=entity.labels,
        links=entity.links,
        lifecycle=entity.lifecycle,
        version=entity.version,
        created_at=entity.created_at,
        updated_at=entity.updated_at,
        depends_on=tuple(
            sorted(
                (
                    DependencyRow(row.depends_on.uid, row.depends_on.name, row.strength)
                    for row in entity.dependencies.all()
                ),
                key=lambda row: row.name,
            )
        ),
        status=status,
    )


def _sort_keys(sort: str) -> list[SortKey]:
    descending = sort.startswith("-")
    column = {"updated": "updated_at"}.get(sort.removeprefix("-"), sort.removeprefix("-"))
    keys = [SortKey(column, descending=descending)]
    return keys if column == "name" else [*keys, SortKey("name")]


def _key_value(row: EntityRow, column: str) -> Any:
    value = getattr(row, column)
    return value.isoformat() if isinstance(value, dt.datetime) else value


def _page_by_status(
    narrow: EntityFilter, *, sort: str, position: list[Any] | None, limit: int, purpose: str
) -> Page[EntityRow]:
    """A page whose filter or order needs the status, which no column holds: order light rows, then load one page."""
    descending = sort.startswith("-")
    column = sort.removeprefix("-")
    statuses = entity_statuses(None)

    def status_of(pk: int) -> EntityStatus:
        return statuses.get(pk, UNKNOWN)

    def key_of(pk: int, name: str, value: Any) -> list[Any]:
        if column == "status":
            value = status_rank(status_of(pk).status)
        elif isinstance(value, dt.datetime):
            value = value.timestamp()
        return [value, name]

    stored = {"name": "name", "status": "tier", "updated": "updated_at"}.get(column, column)
    light = [
        (key_of(pk, name, value), pk)
        for pk, name, value in narrowed(stored_entities(), narrow).order_by().values_list("pk", "name", stored)
        if narrow.status is None or status_of(pk).status == narrow.status
    ]
    light.sort(key=lambda item: item[0][1])
    light.sort(key=lambda item: item[0][0], reverse=descending)
    if position is not None:
        light = [item for item in light if _is_after(item[0], position, descending=descending)]
    page = light[: limit + 1]
    loaded = stored_entities().in_bulk([pk for _, pk in page])
    rows = [_row(loaded[pk], status_of(pk)) for _, pk in page if pk in loaded]
    positions = {pk: key for key, pk in page}
    return cut_page(rows, limit=limit, purpose=purpose, position_of=lambda row: positions[row.id])


def _is_after(key: list[Any], position: list[Any], *, descending: bool) -> bool:
    if key[0] != position[0]:
        return bool(key[0] < position[0] if descending else key[0] > position[0])
    return bool(key[1] > position[1])

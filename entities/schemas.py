"""The catalogue's JSON: what the API takes in its queries and what it answers."""

import datetime as dt
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from core.pagination import CURSOR_MAX_LENGTH, Page
from core.text import Line
from entities.definition import DEPENDENCIES_MAX, DependencyInput, EntityDefinition, Name, TeamDefinition
from entities.domain import EntityKind, Lifecycle, Strength
from entities.filters import EntityFilter, parse_labels
from entities.selectors import LIMIT_DEFAULT, LIMIT_MAX, EntityRow, NeighbourRow, Neighbours
from entities.status import EntityStatus, StatusWord
from entities.teams import TeamRow

Filter = Annotated[Line | None, Field(max_length=200)]
Cursor = Annotated[str | None, Field(max_length=CURSOR_MAX_LENGTH, description="`next_cursor` of a page.")]
Limit = Annotated[int, Field(ge=1, le=LIMIT_MAX)]

_ENTITY_EXAMPLE: dict[str, Any] = {
    "id": "ent_019a8c5e3f0b7c1e8a4d2f6b9c0d1e2f",
    "name": "payments-api",
    "kind": "service",
    "title": "Payments API",
    "description": "",
    "team": "payments",
    "tier": 1,
    "environment": "production",
    "labels": {"region": "eu"},
    "links": {"runbook": "https://wiki.example.org/payments"},
    "lifecycle": "active",
    "depends_on": [{"name": "payments-db", "strength": "hard"}],
    "version": 3,
    "created_at": "2026-11-20T14:02:11.120000Z",
    "updated_at": "2026-11-20T14:02:11.120000Z",
    "status": "impacted",
    "status_since": "2026-11-20T14:05:00Z",
    "reasons": [],
    "caused_by": ["payments-db"],
}


class OwnerQuery(BaseModel):
    """Filters of every list of entities, and of what belongs to them."""

    team: Filter = None
    environment: Filter = None
    label: Annotated[list[Line], Field(max_length=16, description="`key:value`; repeat to narrow further.")] = []

    def owner(self) -> EntityFilter:
        """Raises ``ValidationFailed`` for a label that cannot be read."""
        return EntityFilter(team=self.team, environment=self.environment, labels=parse_labels(self.label))


class EntityQuery(OwnerQuery):
    """Filters, order and page of a list."""

    kind: EntityKind | None = None
    lifecycle: Lifecycle | None = None
    status: StatusWord | None = None
    q: Annotated[Line, Field(max_length=200, description="Part of the name, title or description.")] = ""
    sort: Annotated[Line, Field(description="name, tier, kind, status or updated; -name descends.")] = "name"
    cursor: Cursor = None
    limit: Limit = LIMIT_DEFAULT


class TeamQuery(BaseModel):
    cursor: Cursor = None
    limit: Limit = LIMIT_DEFAULT


class DependencyOut(BaseModel):
    name: str
    strength: Strength


class ReasonOut(BaseModel):
    signal: str = Field(description="`health`, `queue`, `breaker` or `errors`.")
    name: str = Field(description="Of the check, the queue or the breaker.")
    status: str
    message: str
    since: dt.datetime | None


class StatusOut(BaseModel):
    status: str
    status_since: dt.datetime | None
    reasons: list[ReasonOut]
    caused_by: list[str] = Field(description="Names of the failing entities behind `impacted`.")


def _status_fields(status: EntityStatus) -> dict[str, Any]:
    return {
        "status": status.status,
        "status_since": status.since,
        "reasons": [
            ReasonOut(
                signal=reason.signal,
                name=reason.name,
                status=reason.status,
                message=reason.message,
                since=reason.since,
            )
            for reason in status.reasons
        ],
        "caused_by": list(status.caused_by),
    }


class EntityOut(StatusOut):
    model_config = ConfigDict(json_schema_extra={"example": _ENTITY_EXAMPLE})

    id: str
    name: str
    kind: EntityKind
    title: str
    description: str
    team: str | None
    tier: int
    environment: str
    labels: dict[str, str]
    links: dict[str, str]
    lifecycle: Lifecycle
    depends_on: list[DependencyOut]
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime

    @classmethod
    def of(cls, row: EntityRow) -> "EntityOut":
        return cls(
            id=row.uid,
            name=row.name,
            kind=EntityKind(row.kind),
            title=row.title,
            description=row.description,
            team=row.team,
            tier=row.tier,
            environment=row.environment,
            labels=row.labels,
            links=row.links,
            lifecycle=Lifecycle(row.lifecycle),
            depends_on=[DependencyOut(name=item.name, strength=Strength(item.strength)) for item in row.depends_on],
            version=row.version,
            created_at=row.created_at,
            updated_at=row.updated_at,
            **_status_fields(row.status),
        )


class EntityPage(BaseModel):
    items: list[EntityOut]
    next_cursor: str | None
    has_more: bool

    @classmethod
    def of(cls, page: Page[EntityRow]) -> "EntityPage":
        return cls(
            items=[EntityOut.of(row) for row in page.items], next_cursor=page.next_cursor, has_more=page.has_more
        )


class NeighbourOut(StatusOut):
    id: str
    name: str
    kind: EntityKind
    strength: Strength

    @classmethod
    def of(cls, row: NeighbourRow) -> "NeighbourOut":
        return cls(
            id=row.uid,
            name=row.name,
            kind=EntityKind(row.kind),
            strength=Strength(row.strength),
            **_status_fields(row.status),
        )


class NeighboursOut(BaseModel):
    depends_on: list[NeighbourOut]
    dependants: list[NeighbourOut]

    @classmethod
    def of(cls, neighbours: Neighbours) -> "NeighboursOut":
        return cls(
            depends_on=[NeighbourOut.of(row) for row in neighbours.dependencies],
            dependants=[NeighbourOut.of(row) for row in neighbours.dependants],
        )


class DependenciesIn(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"depends_on": ["payments-db", {"name": "mail", "strength": "soft"}]}},
    )

    depends_on: Annotated[list[DependencyInput], Field(max_length=DEPENDENCIES_MAX)]


def _leave_out_defaults(schema: dict[str, Any]) -> None:
    for field in schema["properties"].values():
        field.pop("default", None)
    schema["example"] = {"title": "Payments"}


class EntityChanges(EntityDefinition):
    """Any of the fields of an entity. Each one given is replaced as a whole, ``labels`` and ``links`` too."""

    model_config = ConfigDict(json_schema_extra=_leave_out_defaults)

    name: Name = ""
    kind: EntityKind = EntityKind.SERVICE

    def given(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude_unset=True)


class TeamChanges(TeamDefinition):
    model_config = ConfigDict(json_schema_extra=_leave_out_defaults)

    name: Name = ""

    def given(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude_unset=True)


class TeamOut(BaseModel):
    name: str
    title: str
    version: int
    entities: int = Field(description="How many entities the team has.")

    @classmethod
    def of(cls, row: TeamRow) -> "TeamOut":
        return cls(name=row.name, title=row.title, version=row.version, entities=row.entities)


class TeamPage(BaseModel):
    items: list[TeamOut]
    next_cursor: str | None
    has_more: bool

    @classmethod
    def of(cls, page: Page[TeamRow]) -> "TeamPage":
        return cls(items=[TeamOut.of(row) for row in page.items], next_cursor=page.next_cursor, has_more=page.has_more)

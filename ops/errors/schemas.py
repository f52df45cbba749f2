"""The JSON of errors: what the API takes and what it answers."""

import datetime as dt
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from pydantic import BaseModel, ConfigDict, Field

from core.clock import Moment
from core.pagination import CURSOR_MAX_LENGTH
from core.text import Line
from entities.definition import Name
from entities.schemas import OwnerQuery
from ops.errors.selectors import EventRow, GroupRow, KeyRow
from ops.errors.services import LABEL_MAX, PER_MINUTE_MAX

Filter = Annotated[Line | None, Field(max_length=200)]
Cursor = Annotated[str | None, Field(max_length=CURSOR_MAX_LENGTH, description="`next_cursor` of a page.")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewKeyBody(_Body):
    label: Annotated[Line, Field(max_length=LABEL_MAX)] = ""
    per_minute: Annotated[int, Field(ge=1, le=PER_MINUTE_MAX, strict=True)] = 1_000


class KeyOut(BaseModel):
    id: int
    dsn: str = Field(description="What an SDK takes as its DSN.")
    label: str
    per_minute: int = Field(description="Events a minute; more are refused with 429.")
    created_at: dt.datetime
    created_by: str

    @classmethod
    def of(cls, row: KeyRow, request: HttpRequest) -> "KeyOut":
        return cls(
            id=row.number,
            dsn=dsn_of(row, request),
            label=row.label,
            per_minute=row.per_minute,
            created_at=row.created_at,
            created_by=row.created_by,
        )


def dsn_of(row: KeyRow, request: HttpRequest) -> str:
    """``scheme://key@host/number``, by the address that this request used."""
    return f"{request.scheme}://{row.public_key}@{request.get_host()}/{row.number}"


class KeysOut(BaseModel):
    items: list[KeyOut]


class ErrorQuery(OwnerQuery):
    state: Literal["open", "resolved", "muted"] | None = None
    entity: Filter = None
    level: Literal["fatal", "error", "warning", "info", "debug"] | None = None
    release: Filter = None
    q: Filter = None
    sort: Literal["recent", "volume", "first_seen"] = "recent"
    limit: Annotated[int, Field(ge=1, le=500)] = 50
    cursor: Cursor = None


class GroupOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    entity: str
    title: str
    culprit: str
    level: str
    platform: str
    state: Literal["open", "resolved", "muted"]
    team: str | None
    first_seen: dt.datetime
    last_seen: dt.datetime
    count: int
    users: int
    releases: list[str]
    environments: list[str]
    is_regression: bool = Field(description="It was resolved and came back in a later release.")
    trouble: Literal["regression", "new", "surge"] | None = Field(description="Why it makes its entity degraded.")
    resolved_in: str
    muted_until: dt.datetime | None
    muted_per_hour: int | None
    trend: list[int] = Field(description="Events of each of the last 24 hours, the running one last.")
    version: int

    @classmethod
    def of(cls, row: GroupRow) -> "GroupOut":
        fields = {name: getattr(row, name) for name in cls.model_fields if name not in {"id", "entity", "count"}}
        return cls(id=row.uid, entity=row.entity_name, count=row.events, **fields)


class GroupPage(BaseModel):
    items: list[GroupOut]
    next_cursor: str | None
    has_more: bool


class EventOut(BaseModel):
    id: int
    event_id: str
    at: dt.datetime
    release: str
    environment: str
    trace_id: str
    data: dict[str, Any] = Field(description="The event as it is kept: exceptions, tags, breadcrumbs, request.")

    @classmethod
    def of(cls, row: EventRow) -> "EventOut":
        return cls(**{name: getattr(row, name) for name in cls.model_fields if name != "data"}, data=dict(row.data))


class EventPage(BaseModel):
    items: list[EventOut]
    next_cursor: str | None
    has_more: bool


class EventQuery(BaseModel):
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Cursor = None


class ResolveBody(_Body):
    release: Annotated[Line, Field(max_length=200)] | None = Field(
        default=None, description="The release that solves it; left out: the last one it was seen in."
    )


class MuteBody(_Body):
    until: Moment | None = None
    per_hour: Annotated[int, Field(ge=1, le=PER_MINUTE_MAX, strict=True)] | None = Field(
        default=None, description="It is open again once so many events came in an hour."
    )


class AssignBody(_Body):
    team: Name | None

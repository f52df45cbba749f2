"""The JSON of sources of breakers, and of what operators do to breakers."""

import datetime as dt
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from core.text import Line
from entities.definition import Name
from ops.breakers.definition import CommonFields
from ops.breakers.schemas import Cursor, Filter, Limit
from ops.breakers.selectors import SourceRow
from ops.breakers.services import ControlOutcome
from ops.breakers.sources import SOURCES
from ops.definitions.described import describe_kinds

_EXAMPLE: dict[str, Any] = {
    "name": "fleet",
    "kind": "scrape",
    "url": "http://10.1.2.3:9102/metrics",
    "instance": "a",
    "interval": "10s",
}


def _describe(schema: dict[str, Any], *, required: bool) -> None:
    kinds = {source.name: source.Config for source in SOURCES}
    schema |= describe_kinds(CommonFields, kinds, required=required)
    schema["example"] = {"entity": "payments-api", **_EXAMPLE} if required else {"interval": "30s"}


class SourceBody(BaseModel):
    """The fields of the catalogue file; those beside the common ones depend on the kind."""

    model_config = ConfigDict(extra="allow", json_schema_extra=lambda schema: _describe(schema, required=False))

    entity: Annotated[Name | None, Field(description="Id or name; a source stays with its entity.")] = None

    def fields(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class NewSourceBody(SourceBody):
    model_config = ConfigDict(json_schema_extra=lambda schema: _describe(schema, required=True))

    entity: Annotated[Line, Field(max_length=64, description="Id or name.")]


class SourceQuery(BaseModel):
    entity: Annotated[Filter, Field(description="Id or name.")] = None
    cursor: Cursor = None
    limit: Limit = 100


class SourceOut(BaseModel):
    """A source as it is written, and how its last look went. Fields of its kind stand beside the common ones."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"additionalProperties": True})

    id: str
    entity: str
    name: str
    kind: str
    instance: str
    interval: str
    timeout: str
    paused: bool
    last_at: dt.datetime | None
    failure: str = Field(description="Why the last look saw nothing; empty when it went well.")
    breakers: int = Field(description="How many the last look saw.")
    left_out: int = Field(description="How many it saw beyond the limits.")
    next_due: dt.datetime | None
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime

    @classmethod
    def of(cls, row: SourceRow) -> "SourceOut":
        names = ("last_at", "failure", "breakers", "left_out", "next_due", "version", "created_at", "updated_at")
        told = {name: getattr(row, name) for name in names}
        return cls.model_validate({"id": row.uid, "entity": row.entity_name, **row.document, **told})


class SourcePage(BaseModel):
    items: list[SourceOut]
    next_cursor: str | None
    has_more: bool


class ControlBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Annotated[Line, Field(min_length=1, max_length=300)]
    instance: Annotated[Line | None, Field(max_length=100, description="Left out: all that take it.")] = None


class ControlOut(BaseModel):
    done: list[str] = Field(description="Instances that did it.")
    failed: dict[str, str] = Field(description="Why the others did not.")

    @classmethod
    def of(cls, outcome: ControlOutcome) -> "ControlOut":
        return cls(done=list(outcome.done), failed=dict(outcome.failed))

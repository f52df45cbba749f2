"""The JSON of breakers: what the API takes and what it answers."""

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.pagination import CURSOR_MAX_LENGTH
from core.text import Line
from entities.schemas import OwnerQuery
from ops.breakers.domain import BreakerState
from ops.breakers.reports import BATCH_MAX, Report, ReportOutcome
from ops.breakers.selectors import BreakerRow
from ops.definitions.described import describe_whole

Filter = Annotated[Line | None, Field(max_length=200)]
Cursor = Annotated[str | None, Field(max_length=CURSOR_MAX_LENGTH, description="`next_cursor` of a page.")]
Limit = Annotated[int, Field(ge=1, le=500)]
ActionWord = Literal["force_open", "close", "disable", "reset"]


def _describe_reports(schema: dict[str, Any]) -> None:
    schema["properties"]["reports"]["items"] = describe_whole(Report)
    schema["example"] = {
        "reports": [
            {
                "entity": "payments-api",
                "breaker": "card-gateway",
                "instance": "web-1:4711",
                "state": "open",
                "at": "2026-01-02T03:04:05.678Z",
                "ttl": "60s",
            }
        ]
    }


class ReportsBody(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra=_describe_reports)

    reports: Annotated[list[dict[str, Any]], Field(max_length=BATCH_MAX)]


class ReportErrorOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    index: int = Field(description="Place of the item in the batch.")
    code: Literal["invalid", "unknown_entity", "future", "over_limit"]
    field: str
    message: str


class ReportsOut(BaseModel):
    """Every item is in one of the counts, or has an error."""

    accepted: int
    repeated: int = Field(description="Known already, from the same moment.")
    older: int = Field(description="Newer news of the instance came before.")
    errors: list[ReportErrorOut]

    @classmethod
    def of(cls, outcome: ReportOutcome) -> "ReportsOut":
        errors = [ReportErrorOut.model_validate(error) for error in outcome.errors]
        return cls(accepted=outcome.accepted, repeated=outcome.repeated, older=outcome.older, errors=errors)


class BreakerQuery(OwnerQuery):
    state: (
        Literal["closed", "open", "half_open", "forced_open", "disabled", "metrics_only", "unknown", "troubled"] | None
    ) = Field(None, description="`troubled` are those that are open, forced open or half-open.")
    entity: Annotated[Filter, Field(description="Id or name.")] = None
    q: Annotated[Line, Field(max_length=200, description="Part of the name of the breaker or the entity.")] = ""
    sort: Literal["trouble", "failures", "volume", "name"] = "trouble"
    cursor: Cursor = None
    limit: Limit = 100


class TransitionQuery(BaseModel):
    cursor: Cursor = None
    limit: Limit = 50


class InstanceOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    instance: str
    kind: str
    source: str | None = Field(description="Name of the source that tells of it; null for a reported one.")
    state: BreakerState
    since: dt.datetime
    last_seen: dt.datetime
    next_half_open_at: dt.datetime | None
    calls: int | None
    failures: int | None
    slow: int | None
    not_permitted: int | None
    buffered: int | None
    failure_share: float | None
    slow_share: float | None
    calls_per_minute: float | None
    message: str


class BreakerOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    entity: str
    name: str
    kind: str = Field(description="The way the last news of it came: `scrape`, `actuator`, `report`.")
    status: Literal["healthy", "unknown", "degraded", "unhealthy"]
    state: BreakerState
    summary: str = Field(description="Such as `open on 2 of 5 instances, last transition 40 s ago`.")
    since: dt.datetime
    last_transition_at: dt.datetime | None
    next_half_open_at: dt.datetime | None
    failure_share: float | None = Field(description="0 to 1, of the calls in the sliding windows.")
    calls_per_minute: float | None
    instance_count: int
    matching: int = Field(description="Instances in that state.")
    silent: int = Field(description="Instances of which news stopped coming.")
    instances: list[InstanceOut] = Field(description="The first 200, those in trouble first.")
    message: str
    can: list[ActionWord] = Field(description="What can be done to it.")

    @classmethod
    def of(cls, row: BreakerRow) -> "BreakerOut":
        special = {"id", "entity", "instances", "can"}
        fields = {name: getattr(row, name) for name in cls.model_fields if name not in special}
        instances = [InstanceOut.model_validate(instance) for instance in row.instances]
        return cls(id=row.uid, entity=row.entity_name, instances=instances, can=sorted(row.can), **fields)


class BreakerPage(BaseModel):
    items: list[BreakerOut]
    next_cursor: str | None
    has_more: bool


class TransitionOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    at: dt.datetime
    instance: str
    before: str = Field(description="Empty for the first news of an instance.")
    after: str


class TransitionPage(BaseModel):
    items: list[TransitionOut]
    next_cursor: str | None
    has_more: bool

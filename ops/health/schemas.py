"""The JSON of checks: what the API takes and what it answers."""

import datetime as dt
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from core.clock import Moment
from core.pagination import CURSOR_MAX_LENGTH, Page
from core.text import Line
from entities.definition import Name
from entities.schemas import OwnerQuery
from entities.status import STATUSES
from ops.definitions.described import describe_kinds
from ops.health.checks import KINDS
from ops.health.definition import CommonFields
from ops.health.selectors import CheckDetail, ResultRow
from ops.health.selectors.checks import DEFAULT_SORT, SORTS
from ops.health.trials import Trial

LIMIT_DEFAULT = 100
LIMIT_MAX = 500

type CheckStatusWord = Literal["healthy", "unknown", "degraded", "unhealthy", "paused"]
Filter = Annotated[Line | None, Field(max_length=200)]
Cursor = Annotated[str | None, Field(max_length=CURSOR_MAX_LENGTH, description="`next_cursor` of a page.")]
Limit = Annotated[int, Field(ge=1, le=LIMIT_MAX)]

_EXAMPLE: dict[str, Any] = {
    "name": "http",
    "kind": "http",
    "url": "http://10.1.2.3:9001/health",
    "interval": "30s",
    "timeout": "5s",
    "conditions": ["[STATUS] == 200", "[BODY].status == ok", "[RESPONSE_TIME] < 500"],
    "degraded_above": "300ms",
    "failure_threshold": 2,
}


def _schema_of_kinds(*, required: bool) -> dict[str, Any]:
    """The JSON schema of a body: the common fields with those of one of the kinds."""
    return describe_kinds(CommonFields, {kind.name: kind.Config for kind in KINDS}, required=required)


def _describe_new(schema: dict[str, Any]) -> None:
    schema |= {**_schema_of_kinds(required=True), "example": {"entity": "payments-api", **_EXAMPLE}}


def _describe_changes(schema: dict[str, Any]) -> None:
    schema |= {**_schema_of_kinds(required=False), "example": {"interval": "1m", "timeout": "3s"}}


class CheckBody(BaseModel):
    """The fields of the catalogue file; those beside the common ones depend on the kind."""

    model_config = ConfigDict(extra="allow", json_schema_extra=_describe_changes)

    entity: Annotated[Name | None, Field(description="Id or name; a check stays with its entity.")] = None

    def fields(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class NewCheckBody(CheckBody):
    model_config = ConfigDict(json_schema_extra=_describe_new)

    entity: Annotated[Line, Field(max_length=64, description="Id or name.")]


class CheckQuery(OwnerQuery):
    """Filters, order and page of a list."""

    entity: Annotated[Filter, Field(description="Id or name.")] = None
    kind: Filter = None
    status: CheckStatusWord | None = None
    q: Annotated[Line, Field(max_length=200, description="Part of the name of the check or the entity.")] = ""
    sort: Annotated[Line, Field(description=f"{', '.join(SORTS)}; -{SORTS[0]} the other way round.")] = DEFAULT_SORT
    cursor: Cursor = None
    limit: Limit = LIMIT_DEFAULT


class ResultQuery(BaseModel):
    """``since`` is included, ``until`` is not; both need an offset from UTC."""

    since: Moment | None = None
    until: Moment | None = None
    cursor: Cursor = None
    limit: Limit = LIMIT_DEFAULT


class PageQuery(BaseModel):
    cursor: Cursor = None
    limit: Limit = LIMIT_DEFAULT


class LastResultOut(BaseModel):
    at: dt.datetime
    duration_ms: float | None


class CheckOut(BaseModel):
    """A check as it is written, and how it stands. Fields of its kind stand beside the common ones."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"additionalProperties": True})

    id: str
    entity: str
    entity_id: str
    name: str
    kind: str
    interval: str
    retry_interval: str | None
    timeout: str
    conditions: list[str]
    degraded_conditions: list[str]
    degraded_above: str | None
    failure_threshold: int
    success_threshold: int
    upside_down: bool
    severity: Literal["critical", "warning", "info"]
    paused: bool
    status: CheckStatusWord
    since: dt.datetime | None
    reason: str = Field(description="Why, in words; empty when there is nothing to say.")
    last_result: LastResultOut | None
    next_due_at: dt.datetime | None
    ping_url: str | None = Field(description="Of a heartbeat, for those who may edit it.")
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime

    @classmethod
    def of(cls, detail: CheckDetail, *, ping_url: str | None) -> "CheckOut":
        row = detail.row
        last = None if row.last_at is None else LastResultOut(at=row.last_at, duration_ms=row.duration_ms)
        return cls.model_validate(
            {
                "id": row.uid,
                "entity": row.entity_name,
                "entity_id": row.entity_uid,
                **detail.document,
                "status": row.status,
                "since": row.since,
                "reason": row.message,
                "last_result": last,
                "next_due_at": row.next_due,
                "ping_url": ping_url,
                "version": row.version,
                "created_at": detail.created_at,
                "updated_at": detail.updated_at,
            }
        )


class CheckPage(BaseModel):
    items: list[CheckOut]
    next_cursor: str | None
    has_more: bool


class ResultDetailOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    phase: str = Field(description="Where it failed, such as `connect`, `tls` or `condition`.")
    message: str
    excerpt: str = Field(description="The beginning of the answer, 2 kB at most, without what looks secret.")
    trace_id: str


class ResultOut(BaseModel):
    slot: dt.datetime = Field(description="When it was due.")
    started_at: dt.datetime
    outcome: Literal["healthy", "unknown", "degraded", "unhealthy"]
    duration_ms: float
    message: str
    detail: ResultDetailOut | None = Field(description="Of a result that failed or changed the status.")

    @classmethod
    def of(cls, row: ResultRow) -> "ResultOut":
        return cls.model_validate(row, from_attributes=True)


class ResultPage(BaseModel):
    items: list[ResultOut]
    next_cursor: str | None
    has_more: bool
    kept_since: dt.datetime = Field(description="Older results are gone; roll-ups reach further back.")

    @classmethod
    def of(cls, page: Page[ResultRow], *, kept_since: dt.datetime) -> "ResultPage":
        return cls(
            items=[ResultOut.of(row) for row in page.items],
            next_cursor=page.next_cursor,
            has_more=page.has_more,
            kept_since=kept_since,
        )


class ConditionTrialOut(BaseModel):
    condition: str
    shown: Annotated[str, Field(description="The condition with the values that were seen.")]
    ok: bool
    degrades: Annotated[bool, Field(description="When it does not hold, the check is degraded, not unhealthy.")]


class TrialOut(BaseModel):
    """What one probe led to; nothing of it is stored."""

    outcome: Literal["healthy", "unknown", "degraded", "unhealthy"]
    message: str
    phase: Annotated[str, Field(description="Where it failed; empty when it did not.")]
    duration_ms: float
    phases: Annotated[dict[str, float], Field(description="Milliseconds of each phase of the probe.")]
    values: Annotated[dict[str, str], Field(description="What was seen, by placeholder; of `BODY` the beginning.")]
    conditions: list[ConditionTrialOut]

    @classmethod
    def of(cls, trial: Trial) -> "TrialOut":
        return cls.model_validate(
            {
                "outcome": trial.outcome.name.lower(),
                "message": trial.message,
                "phase": trial.phase,
                "duration_ms": trial.duration_us / 1_000,
                "phases": {name: round(seconds * 1_000, 3) for name, seconds in trial.phases.items()},
                "values": dict(trial.values),
                "conditions": [
                    ConditionTrialOut(condition=item.text, shown=item.shown, ok=item.ok, degrades=item.degrades)
                    for item in trial.conditions
                ],
            }
        )


assert set(get_args(CheckStatusWord.__value__)) <= set(STATUSES)

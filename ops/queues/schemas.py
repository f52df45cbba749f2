"""The JSON of queues: what the API takes and what it answers."""

import datetime as dt
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.clock import Moment
from core.pagination import CURSOR_MAX_LENGTH
from core.text import Line
from core.validation import wrong_field
from entities.definition import Name
from entities.schemas import OwnerQuery
from ops.definitions.described import describe_kinds
from ops.queues.definition import CommonFields
from ops.queues.selectors import QueueDetail, SampleSeries, TaskListing
from ops.queues.services import ShownMessage
from ops.queues.services.messages import CONTAINS_MAX_LENGTH, KEY_MAX_LENGTH, KEYS_MAX, PEEK_MAX
from ops.queues.sources import SOURCES

type QueueStatusWord = Literal["healthy", "unknown", "degraded", "unhealthy", "paused"]
Filter = Annotated[Line | None, Field(max_length=200)]
Cursor = Annotated[str | None, Field(max_length=CURSOR_MAX_LENGTH, description="`next_cursor` of a page.")]
PeekLimit = Annotated[int, Field(ge=1, le=PEEK_MAX)]

_EXAMPLE = {"name": "emails", "kind": "celery", "url": "redis://127.0.0.1:6390/0", "queue": "celery", "max_size": 100}


def _describe(*, required: bool) -> dict[str, Any]:
    kinds = {source.name: source.Config for source in SOURCES}
    return describe_kinds(CommonFields, kinds, required=required)


def _describe_changes(schema: dict[str, Any]) -> None:
    schema |= {**_describe(required=False), "example": {"max_size": 200, "interval": "30s"}}


def _describe_new(schema: dict[str, Any]) -> None:
    schema |= {**_describe(required=True), "example": {"entity": "payments-api", **_EXAMPLE}}


class QueueBody(BaseModel):
    """The fields of the catalogue file; those beside the common ones depend on the kind."""

    model_config = ConfigDict(extra="allow", json_schema_extra=_describe_changes)

    entity: Annotated[Name | None, Field(description="Id or name; a queue stays with its entity.")] = None

    def fields(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class NewQueueBody(QueueBody):
    model_config = ConfigDict(json_schema_extra=_describe_new)

    entity: Annotated[Line, Field(max_length=64, description="Id or name.")]


class QueueQuery(OwnerQuery):
    """Filters, order and page of a list."""

    status: QueueStatusWord | None = None
    entity: Annotated[Filter, Field(description="Id or name.")] = None
    kind: Filter = None
    q: Annotated[Line, Field(max_length=200, description="Part of the name of the queue or the entity.")] = ""
    sort: Literal["trouble", "size", "age", "name"] = "trouble"
    limit: Annotated[int, Field(ge=1, le=500)] = 50
    cursor: Cursor = None


class SampleQuery(BaseModel):
    """``since`` is included, ``until`` is not; both need an offset from UTC. Unless given, the last hour."""

    since: Moment | None = None
    until: Moment | None = None


class PeekQuery(BaseModel):
    limit: PeekLimit = 20


class PurgeBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    confirm: Annotated[Line, Field(max_length=64, description="The name of the queue.")]


class DeadBody(BaseModel):
    """Either ``keys``, or ``all`` with or without ``contains``."""

    model_config = ConfigDict(extra="forbid")

    keys: Annotated[
        list[Annotated[Line, Field(min_length=1, max_length=KEY_MAX_LENGTH)]],
        Field(max_length=KEYS_MAX, description="As `/dead` told them."),
    ] = []
    all: bool = Field(False, description=f"The oldest {KEYS_MAX:,} that match.")  # noqa: FBT003 - the default of a field
    contains: Annotated[
        Line, Field(max_length=CONTAINS_MAX_LENGTH, description="With `all`: what the body must contain.")
    ] = ""

    @model_validator(mode="after")
    def _names_them_in_one_way(self) -> Self:
        if self.all == bool(self.keys):
            raise wrong_field("keys", "give keys, or all")
        if self.contains and not self.all:
            raise wrong_field("contains", "goes with all")
        return self


class CountOut(BaseModel):
    count: int = Field(description="Messages or consumers that it concerned.")


class DeadOut(CountOut):
    model_config = ConfigDict(from_attributes=True)

    has_more: bool = Field(False, description="With `all`: whether more that match are left.")  # noqa: FBT003 - the default of a field


class MessageOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    key: str = Field(description="Names a dead message for retry and discard.")
    body: str = Field(description="Cut, without what looks secret. Text from outside.")
    size_bytes: int
    age_seconds: float | None
    headers: dict[str, str]


class MessagesOut(BaseModel):
    items: list[MessageOut]

    @classmethod
    def of(cls, messages: list[ShownMessage]) -> "MessagesOut":
        return cls(items=[MessageOut.model_validate(message) for message in messages])


class QueueOut(BaseModel):
    """A queue as it is written, and how it stands. Fields of its source stand beside the common ones."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"additionalProperties": True})

    id: str
    entity: str
    entity_id: str
    name: str
    kind: str
    source: str = Field(description="Where it is, in words, without secrets.")
    max_size: int | None
    max_age: str | None
    warn_size: int | None
    warn_age: str | None
    min_consumers: int | None
    breach_within: str
    interval: str
    timeout: str
    paused: bool
    status: QueueStatusWord
    since: dt.datetime | None
    reason: str = Field(description="Why, in words; empty when there is nothing to say.")
    size: int | None = Field(description="Messages that wait.")
    oldest_age_seconds: float | None
    consumers: int | None
    unacked: int | None
    scheduled: int | None
    dead: int | None
    rate_in: float | None = Field(description="Messages a second.")
    rate_out: float | None
    breach_in_seconds: float | None = Field(description="When `max_size` will be breached at this rate.")
    last_at: dt.datetime | None = Field(description="When it was looked at last.")
    seen_at: dt.datetime | None = Field(description="When the figures above were seen.")
    can: list[str] = Field(description="What its source can do with its messages and consumers.")
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime

    @classmethod
    def of(cls, detail: QueueDetail) -> "QueueOut":
        row = detail.row
        seen = (
            "size", "oldest_age_seconds", "consumers", "unacked", "scheduled", "dead", "rate_in", "rate_out",
            "breach_in_seconds", "last_at", "seen_at", "status", "since", "version",
        )  # fmt: skip
        return cls.model_validate(
            {
                **detail.document,  # first: a field of a source must not stand for what was seen
                "id": row.uid,
                "entity": row.entity_name,
                "entity_id": row.entity_uid,
                "source": row.source,
                "reason": row.message,
                "can": sorted(row.can),
                **{name: getattr(row, name) for name in seen},
                "created_at": detail.created_at,
                "updated_at": detail.updated_at,
            }
        )


class QueuePage(BaseModel):
    items: list[QueueOut]
    next_cursor: str | None
    has_more: bool


class SampleOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    at: dt.datetime
    size: float = Field(description="Of five minutes the mean.")
    size_min: int
    size_max: int
    oldest_age_seconds: float | None
    consumers: int | None


class SamplesOut(BaseModel):
    step_seconds: int = Field(description="The length of what an item sums up; 0 for single looks.")
    items: list[SampleOut]

    @classmethod
    def of(cls, series: SampleSeries) -> "SamplesOut":
        items = [SampleOut.model_validate(point) for point in series.points]
        return cls(step_seconds=series.step_seconds, items=items)


class TaskQuery(BaseModel):
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class TaskFailureQuery(BaseModel):
    name: Annotated[Line, Field(max_length=200, description="Of one task alone.")] = ""


class TaskFailureOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    task: str
    at: dt.datetime
    task_id: str
    worker: str
    exception: str = Field(description="Cut, without what looks secret. Text from outside.")
    traceback: str = Field(description="Its end, without what looks secret. Text from outside.")


class TaskFailuresOut(BaseModel):
    items: list[TaskFailureOut]


class TaskOut(BaseModel):
    """Counts are since the task was first heard of, everything else is of the last five minutes."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    queue: str = Field(description="Empty when the app does not send `task-sent` events.")
    succeeded: int
    failed: int
    retried: int
    heard_at: dt.datetime
    per_minute: float | None = Field(description="Attempts that ended. None while nobody listens.")
    failed_share: float | None = Field(description="Of the attempts that ended, 0 to 1.")
    retried_share: float | None
    runtime_p50_ms: float | None
    runtime_p95_ms: float | None
    runtime_p99_ms: float | None
    wait_p50_ms: float | None = Field(description="From when it was sent, or else received, to its start.")
    wait_p95_ms: float | None
    wait_p99_ms: float | None
    last_failure: TaskFailureOut | None


class WorkerOut(BaseModel):
    """A worker of the queue's broker that sends heartbeats."""

    model_config = ConfigDict(from_attributes=True)

    hostname: str = Field(description="Text from outside.")
    is_up: bool = Field(description="False once three heartbeats are missing, for ten minutes.")
    active: int | None = Field(description="Tasks that it runs. None when it is gone.")
    seen_at: dt.datetime


class TasksOut(BaseModel):
    is_heard: bool = Field(description="Whether the events of the broker are listened to now.")
    message: str = Field(description="Why not.")
    workers: int = Field(description="Workers that send events.")
    window_seconds: float | None = Field(description="How much of the last five minutes was listened to.")
    hosts: list[WorkerOut]
    items: list[TaskOut]
    has_more: bool

    @classmethod
    def of(cls, listing: TaskListing) -> "TasksOut":
        fields = ("is_heard", "message", "workers", "window_seconds", "has_more")
        items = [TaskOut.model_validate(row) for row in listing.items]
        hosts = [WorkerOut.model_validate(row) for row in listing.hosts]
        return cls.model_validate({"hosts": hosts, "items": items, **{name: getattr(listing, name) for name in fields}})

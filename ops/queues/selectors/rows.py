"""Rows of queues, as lists and pages show them."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.db.models import BigIntegerField, Count, F, Max, Q, QuerySet
from django.db.models.functions import Coalesce

from core.clock import database_now_ms, from_ms
from core.errors import FieldError, NotFound, ValidationFailed
from core.pagination import Page, SortKey, cut_page, decode_cursor, seek
from core.permissions import Permission, Principal
from core.search import matching
from entities.filters import EVERY_ENTITY, EntityFilter, owned
from ops.queues.models import Queue, QueueSample
from ops.queues.selectors import effective
from ops.queues.selectors.source_words import describe_source
from ops.queues.sources import SOURCES
from ops.queues.sources.abilities import abilities_of
from ops.signals.domain import WORDS

MAX_LIMIT = 500
NAMES_MAX = 200
SEARCHED = ("name", "entity__name")
"""What the words of ``q`` are looked for in."""
TREND_STEP_MS = 60_000
TREND_STEPS = 30
"""A trend holds the largest value of each of the last minutes, the running one last."""

type Sort = Literal["trouble", "size", "age", "name"]
type Trend = tuple[float | None, ...]

_ORDERS: Mapping[str, tuple[SortKey, ...]] = {
    "trouble": (
        SortKey("severity", descending=True), SortKey("sort_size", descending=True), SortKey("entity__name"),
        SortKey("name"),
    ),
    "size": (SortKey("sort_size", descending=True), SortKey("entity__name"), SortKey("name")),
    "age": (SortKey("sort_age", descending=True), SortKey("entity__name"), SortKey("name")),
    "name": (SortKey("entity__name"), SortKey("name")),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One queue, how it stands, and what the last look that saw something saw (``seen_at``).

    ``status`` is the word that may be shown: unknown once looks stopped coming or when the source cannot be read,
    paused while nobody looks. ``source`` says in words where it is, without secrets. ``rate_in`` and ``rate_out`` are
    messages a second. ``can`` holds what its source can do for it: peek, purge, pause, resume, peek_dead, retry_dead,
    discard_dead. Of the trends a value is None where nothing was seen.
    """

    id: int
    uid: str
    name: str
    entity_id: int
    entity_uid: str
    entity_name: str
    kind: str
    source: str
    status: str
    severity: int
    since: dt.datetime | None
    message: str
    size: int | None
    oldest_age_seconds: float | None
    consumers: int | None
    unacked: int | None
    scheduled: int | None
    dead: int | None
    rate_in: float | None
    rate_out: float | None
    breach_in_seconds: float | None
    max_size: int | None
    max_age_seconds: float | None
    last_at: dt.datetime | None
    seen_at: dt.datetime | None
    is_paused: bool
    interval_ms: int
    version: int
    can: frozenset[str]
    depth_trend: Trend
    age_trend: Trend


_COLUMNS = (
    "id", "uid", "name", "entity_id", "entity__uid", "entity__name", "kind", "config", "paused", "interval_ms",
    "version", "max_size", "max_age_ms", "state__fresh_until_ms", "state__message", "state__size",
    "state__oldest_age_ms", "state__consumers", "state__unacked", "state__scheduled", "state__dead", "state__rate_in",
    "state__rate_out", "state__breach_in_ms", "state__last_at_ms", "state__seen_at_ms", "severity", "since_ms",
    "state__sampled_from_ms", "sort_size", "sort_age",
)  # fmt: skip


def queue_rows(
    *,
    principal: Principal,
    status: str | None = None,
    owner: EntityFilter = EVERY_ENTITY,
    entity_ref: str | None = None,
    kind: str | None = None,
    q: str | None = None,
    sort: Sort = "trouble",
    limit: int = 50,
    cursor: str | None = None,
) -> Page[QueueRow]:
    """One page of the queues that match every filter.

    ``status`` is one word or several with commas between, ``owner`` narrows by the entity, ``entity_ref`` is a uid or a
    name, ``q`` words in the names of queue and entity. Raises ``ValidationFailed`` for a filter, sort or cursor that
    cannot be read.
    """
    principal.require(Permission.CATALOG_VIEW)
    limit = max(1, min(limit, MAX_LIMIT))
    now = database_now_ms()
    queues = _narrowed(now, owner=owner, entity_ref=entity_ref, kind=kind, q=q)
    if status:
        queues = queues.filter(Q(severity__in=_severities(status)))
    if (keys := _ORDERS.get(sort)) is None:
        raise ValidationFailed("The order is not valid", errors=(FieldError("sort", f"one of {', '.join(_ORDERS)}"),))
    purpose = f"queues:{sort}"
    position = decode_cursor(cursor, purpose=purpose) if cursor else None
    found = list(seek(queues, keys, position).values_list(*_COLUMNS, named=True)[: limit + 1])
    page = cut_page(
        found, limit=limit, purpose=purpose, position_of=lambda row: [getattr(row, key.field) for key in keys]
    )
    return Page(tuple(_rows(page.items, now)), page.next_cursor)


def queue_row(*, principal: Principal, uid: str) -> QueueRow:
    """Raises ``NotFound``."""
    principal.require(Permission.CATALOG_VIEW)
    now = database_now_ms()
    found = None
    if "\0" not in uid:
        found = _narrowed(now).filter(uid=uid).values_list(*_COLUMNS, named=True).first()
    if found is None:
        raise NotFound(f"There is no queue {uid[:80]!r}")
    return _rows([found], now)[0]


def status_counts(
    *,
    principal: Principal,
    owner: EntityFilter = EVERY_ENTITY,
    entity_ref: str | None = None,
    kind: str | None = None,
    q: str | None = None,
) -> dict[str, int]:
    """How many of the queues that match the filters have which status, by its word."""
    principal.require(Permission.CATALOG_VIEW)
    queues = _narrowed(database_now_ms(), owner=owner, entity_ref=entity_ref, kind=kind, q=q).order_by()
    counts = queues.values("severity").annotate(queues=Count("id")).values_list("severity", "queues")
    return {WORDS[severity]: count for severity, count in counts}


@dataclass(frozen=True, slots=True)
class QueueNames:
    """What queues can be filtered by, in order."""

    entities: tuple[str, ...]
    kinds: tuple[str, ...]


def queue_names() -> QueueNames:
    """At most ``NAMES_MAX`` of each."""

    def distinct(field: str) -> tuple[str, ...]:
        return tuple(Queue.objects.order_by(field).values_list(field, flat=True).distinct()[:NAMES_MAX])

    return QueueNames(distinct("entity__name"), distinct("kind"))


def _narrowed(
    now_ms: int,
    *,
    owner: EntityFilter = EVERY_ENTITY,
    entity_ref: str | None = None,
    kind: str | None = None,
    q: str | None = None,
) -> QuerySet[Any]:
    queues = Queue.objects.filter(owned(owner)).annotate(
        severity=effective.severity(now_ms),
        since_ms=effective.since_ms(now_ms),
        sort_size=Coalesce(F("state__size"), -1, output_field=BigIntegerField()),
        sort_age=Coalesce(F("state__oldest_age_ms"), -1, output_field=BigIntegerField()),
    )
    if entity_ref:
        ref = _plain(entity_ref, "entity")
        queues = queues.filter(Q(entity__name=ref) | Q(entity__uid=ref))
    if kind:
        queues = queues.filter(kind=_plain(kind, "kind"))
    if q:
        queues = queues.filter(matching(_plain(q, "q"), *SEARCHED))
    return queues


def _plain(text: str, field: str) -> str:
    if "\0" in text:
        raise ValidationFailed(
            "The filter is not valid", errors=(FieldError(field, "must not hold control characters"),)
        )
    return text


def _severities(status: str) -> list[int]:
    words = status.split(",")
    if unknown := [word for word in words if word not in effective.SEVERITIES]:
        message = f"{unknown[0][:40]!r} is none of {', '.join(effective.SEVERITIES)}"
        raise ValidationFailed("The filter is not valid", errors=(FieldError("status", message),))
    return [effective.SEVERITIES[word] for word in words]


def _rows(found: Sequence[Any], now_ms: int) -> list[QueueRow]:
    trends = read_trends({row.id: row.state__sampled_from_ms or 0 for row in found}, now_ms)
    return [_row(row, now_ms, *trends[row.id]) for row in found]


def read_trends(sampled_from_ms: Mapping[int, int], now_ms: int) -> Mapping[int, tuple[Trend, Trend]]:
    """Of depth and of age in seconds, by queue, from the first whole minute of the source that it has now."""
    queue_ids = sampled_from_ms.keys()
    last = now_ms // TREND_STEP_MS
    first = last - TREND_STEPS + 1
    depths: dict[int, list[float | None]] = {queue_id: [None] * TREND_STEPS for queue_id in queue_ids}
    ages: dict[int, list[float | None]] = {queue_id: [None] * TREND_STEPS for queue_id in queue_ids}
    steps = (
        QueueSample.objects.filter(queue_id__in=queue_ids, at_ms__gte=first * TREND_STEP_MS)
        .annotate(step=F("at_ms") / TREND_STEP_MS)
        .order_by()
        .values("queue_id", "step")
        .annotate(depth=Max("size"), age=Max("oldest_age_ms"))
        .values_list("queue_id", "step", "depth", "age")
    )
    for queue_id, step, depth, age in steps:
        if step * TREND_STEP_MS < sampled_from_ms[queue_id]:
            continue
        place = min(int(step) - first, TREND_STEPS - 1)  # a slot that was claimed ahead lies in the next minute
        depths[queue_id][place] = float(depth)
        ages[queue_id][place] = None if age is None else age / 1_000
    return {queue_id: (tuple(depths[queue_id]), tuple(ages[queue_id])) for queue_id in queue_ids}


def _row(row: Any, now_ms: int, depth_trend: Trend, age_trend: Trend) -> QueueRow:
    until = row.state__fresh_until_ms
    return QueueRow(
        id=row.id,
        uid=row.uid,
        name=row.name,
        entity_id=row.entity_id,
        entity_uid=row.entity__uid,
        entity_name=row.entity__name,
        kind=row.kind,
        source=describe_source(row.kind, row.config),
        status=WORDS[row.severity],
        severity=row.severity,
        since=_moment(row.since_ms),
        message=effective.reason(row.severity, fresh_until_ms=until, now_ms=now_ms, message=row.state__message or ""),
        size=row.state__size,
        oldest_age_seconds=_seconds(row.state__oldest_age_ms),
        consumers=row.state__consumers,
        unacked=row.state__unacked,
        scheduled=row.state__scheduled,
        dead=row.state__dead,
        rate_in=row.state__rate_in,
        rate_out=row.state__rate_out,
        breach_in_seconds=_seconds(row.state__breach_in_ms),
        max_size=row.max_size,
        max_age_seconds=_seconds(row.max_age_ms),
        last_at=_moment(row.state__last_at_ms),
        seen_at=_moment(row.state__seen_at_ms),
        is_paused=row.paused,
        interval_ms=row.interval_ms,
        version=row.version,
        can=abilities_of(SOURCES.get(row.kind), row.config),
        depth_trend=depth_trend,
        age_trend=age_trend,
    )


def _seconds(value_ms: int | None) -> float | None:
    return None if value_ms is None else value_ms / 1_000


def _moment(value_ms: int | None) -> dt.datetime | None:
    return from_ms(value_ms) if value_ms else None

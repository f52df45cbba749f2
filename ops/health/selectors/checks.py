"""Rows of checks, as lists and pages show them."""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db.models import BigIntegerField, Count, F, Q, QuerySet
from django.db.models.functions import Coalesce

from core.clock import database_now_ms, from_ms
from core.errors import FieldError, NotFound, ValidationFailed
from core.pagination import Page, SortKey, cut_page, decode_cursor, seek
from core.permissions import Permission, Principal
from core.search import matching
from entities.filters import EVERY_ENTITY, EntityFilter, owned
from ops.health.models import Check
from ops.health.selectors import effective
from ops.signals.domain import PAUSED_SEVERITY, WORDS

DEFAULT_SORT = "status"
SORTS = ("status", "name", "entity", "kind", "since", "last", "duration")
"""What a list can be sorted by; a dash before it turns the order round. Ties go by entity, then name."""

MAX_LIMIT = 1_000

SEARCHED = ("name", "entity__name", "entity__title")
"""What the words of ``q`` are looked for in."""


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One check and how it stands.

    ``status`` is the word that may be shown: unknown once results stopped coming, paused while nobody runs it.
    ``severity`` sorts it (3 unhealthy, 2 degraded, 1 unknown, 0 healthy, -1 paused). ``severity_level`` is how much
    it matters to its entity (``domain.Severity``). ``message`` is the reason in words, empty when there is nothing to
    say.
    """

    id: int
    uid: str
    name: str
    kind: str
    entity_id: int
    entity_uid: str
    entity_name: str
    team: str | None
    status: str
    severity: int
    since: dt.datetime | None
    message: str
    last_at: dt.datetime | None
    duration_ms: float | None
    interval_ms: int
    timeout_ms: int
    degraded_above_ms: int | None
    failure_threshold: int
    success_threshold: int
    retry_interval_ms: int | None
    upside_down: bool
    severity_level: str
    paused: bool
    next_due: dt.datetime | None
    is_stale: bool
    waits_for_pings: bool
    version: int


_COLUMNS = (
    "id", "uid", "name", "kind", "entity_id", "entity__uid", "entity__name", "entity__team__name", "state__interval_ms",
    "timeout_ms", "degraded_above_ms", "failure_threshold", "success_threshold", "retry_interval_ms", "upside_down",
    "severity_level", "paused", "version", "heartbeat__ping_count",
    "state__next_due_ms", "state__fresh_until_ms", "state__last_at_ms", "state__last_duration_us",
    "state__last_message", "severity", "effective_since_ms",
)  # fmt: skip


def check_rows(
    *,
    principal: Principal,
    entity_ids: Collection[int] | None = None,
    entity_ref: str | None = None,
    owner: EntityFilter = EVERY_ENTITY,
    kind: str | None = None,
    status: str | None = None,
    q: str | None = None,
    sort: str = DEFAULT_SORT,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[CheckRow]:
    """A page of checks, worst first unless ``sort`` says otherwise.

    ``entity_ref`` is a uid or a name, and matches nothing when there is no such entity. ``status`` is one word or
    several with commas between; ``owner`` narrows by the entity; the words of ``q`` are looked for in
    the names of check and entity, and in the entity's title.

    Raises ``ValidationFailed`` for a filter, sort or cursor that cannot be read.
    """
    principal.require(Permission.CATALOG_VIEW)
    limit = max(1, min(limit, MAX_LIMIT))
    now = database_now_ms()
    rows = _narrowed(_annotated(now), owner=owner, kind=kind, q=q)
    if entity_ids is not None:
        rows = rows.filter(entity_id__in=entity_ids)
    if entity_ref:
        rows = rows.filter(Q(entity__name=_plain(entity_ref, "entity")) | Q(entity__uid=entity_ref))
    if status:
        rows = rows.filter(Q(severity__in=_severities(status)))
    keys = _sort_keys(sort)
    purpose = f"checks:{sort}"
    position = decode_cursor(cursor, purpose=purpose) if cursor else None
    rows = rows.annotate(sort_key=_sort_expression(sort))
    found = list(seek(rows, keys, position).values_list(*_COLUMNS, "sort_key", named=True)[: limit + 1])
    page = cut_page(
        found, limit=limit, purpose=purpose, position_of=lambda row: [getattr(row, key.field) for key in keys]
    )
    return Page(tuple(_row(item, now) for item in page.items), page.next_cursor)


def check_row(*, principal: Principal, uid: str) -> CheckRow:
    """Raises ``NotFound``."""
    principal.require(Permission.CATALOG_VIEW)
    now = database_now_ms()
    found = _annotated(now).filter(uid=uid).values_list(*_COLUMNS, named=True).first() if "\0" not in uid else None
    if found is None:
        raise NotFound(f"There is no check {uid!r}")
    return _row(found, now)


def status_counts(
    *, principal: Principal, owner: EntityFilter = EVERY_ENTITY, kind: str | None = None, q: str | None = None
) -> dict[str, int]:
    """How many of the checks that match the filters have which status, by its word.

    Raises ``ValidationFailed`` for a filter that cannot be read.
    """
    principal.require(Permission.CATALOG_VIEW)
    rows = _narrowed(Check.objects.all(), owner=owner, kind=kind, q=q)
    rated = rows.annotate(severity=effective.severity(database_now_ms())).order_by()
    counts = rated.values("severity").annotate(count=Count("id")).values_list("severity", "count")
    return {WORDS[severity]: count for severity, count in counts}


def _narrowed(rows: QuerySet[Check], *, owner: EntityFilter, kind: str | None, q: str | None) -> QuerySet[Check]:
    rows = rows.filter(owned(owner))
    if kind:
        rows = rows.filter(kind=_plain(kind, "kind"))
    if q:
        rows = rows.filter(matching(_plain(q, "q"), *SEARCHED))
    return rows


def _annotated(now_ms: int) -> QuerySet[Check]:
    return Check.objects.annotate(
        severity=effective.severity(now_ms), effective_since_ms=effective.effective_since_ms(now_ms)
    )


def _plain(value: str, field: str) -> str:
    if "\0" in value:
        raise ValidationFailed("The filter is not valid", errors=(FieldError(field, "holds a NUL character"),))
    return value


def _severities(words: str) -> list[int]:
    try:
        return [effective.SEVERITIES[word.strip()] for word in words.split(",")]
    except KeyError as error:
        known = ", ".join(effective.SEVERITIES)
        wrong = FieldError("status", f"{error.args[0]!r} is none of {known}")
        raise ValidationFailed("The filter is not valid", errors=(wrong,)) from None


def _sort_keys(sort: str) -> list[SortKey]:
    name = sort.removeprefix("-")
    if name not in SORTS:
        wrong = FieldError("sort", f"is none of {', '.join(SORTS)}, with a dash before it to turn the order round")
        raise ValidationFailed("The order is not valid", errors=(wrong,))
    larger_first = name in {"status", "since", "last", "duration"}
    return [
        SortKey("sort_key", descending=larger_first != sort.startswith("-")),
        SortKey("entity__name"),
        SortKey("name"),
    ]


def _sort_expression(sort: str) -> Any:
    return {
        "status": F("severity"),
        "name": F("name"),
        "entity": F("entity__name"),
        "kind": F("kind"),
        "since": F("effective_since_ms"),
        "last": Coalesce(F("state__last_at_ms"), 0, output_field=BigIntegerField()),
        "duration": Coalesce(F("state__last_duration_us"), -1, output_field=BigIntegerField()),
    }[sort.removeprefix("-")]


def _row(found: Any, now_ms: int) -> CheckRow:
    fresh_until = found.state__fresh_until_ms
    is_paused = found.severity == PAUSED_SEVERITY
    is_stale = not is_paused and fresh_until is not None and fresh_until < now_ms
    duration_us = found.state__last_duration_us
    return CheckRow(
        id=found.id,
        uid=found.uid,
        name=found.name,
        kind=found.kind,
        entity_id=found.entity_id,
        entity_uid=found.entity__uid,
        entity_name=found.entity__name,
        team=found.entity__team__name,
        status=WORDS[found.severity],
        severity=found.severity,
        since=_moment(found.effective_since_ms),
        message=effective.reason(
            is_paused=is_paused, is_stale=is_stale, fresh_until_ms=fresh_until, message=found.state__last_message or ""
        ),
        last_at=_moment(found.state__last_at_ms),
        duration_ms=None if duration_us is None else duration_us / 1000,
        interval_ms=found.state__interval_ms,
        timeout_ms=found.timeout_ms,
        degraded_above_ms=found.degraded_above_ms,
        failure_threshold=found.failure_threshold,
        success_threshold=found.success_threshold,
        retry_interval_ms=found.retry_interval_ms,
        upside_down=found.upside_down,
        severity_level=found.severity_level,
        paused=found.paused,
        next_due=_moment(found.state__next_due_ms),
        is_stale=is_stale,
        waits_for_pings=found.heartbeat__ping_count is not None,
        version=found.version,
    )


def _moment(value_ms: int | None) -> dt.datetime | None:
    return from_ms(value_ms) if value_ms else None

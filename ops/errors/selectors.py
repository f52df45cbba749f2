"""Reads of recent errors: groups, their events and trend, DSNs."""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.db.models import Count, Q, QuerySet, Sum

from core.clock import from_ms, now_ms
from core.errors import NotFound
from core.pagination import Page, SortKey, cut_page, decode_cursor, seek
from core.permissions import Permission, Principal
from entities.selectors import find_entity
from ops.errors.digest import HOUR_MS, read_stored
from ops.errors.domain import GroupState
from ops.errors.models import ErrorCount, ErrorGroup, ErrorKey, StoredEvent

MAX_LIMIT = 500
TREND_HOURS = 24

type Sort = Literal["recent", "volume", "first_seen"]
_ORDERS: Mapping[str, tuple[SortKey, ...]] = {
    "recent": (SortKey("last_seen_ms", descending=True), SortKey("id", descending=True)),
    "volume": (SortKey("events", descending=True), SortKey("id", descending=True)),
    "first_seen": (SortKey("first_seen_ms", descending=True), SortKey("id", descending=True)),
}


@dataclass(frozen=True, slots=True)
class GroupRow:
    """``trend`` holds the events of each of the last ``TREND_HOURS`` hours, the running one last."""

    id: int
    uid: str
    entity_id: int
    entity_name: str
    title: str
    culprit: str
    level: str
    platform: str
    state: str
    team: str | None
    first_seen: dt.datetime
    last_seen: dt.datetime
    events: int
    users: int
    releases: tuple[str, ...]
    environments: tuple[str, ...]
    is_regression: bool
    resolved_in: str
    muted_until: dt.datetime | None
    muted_per_hour: int | None
    version: int
    trend: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EventRow:
    """``data`` holds the fields of ``ErrorEvent`` as JSON values; every text in it is hostile."""

    id: int
    event_id: str
    at: dt.datetime
    release: str
    environment: str
    trace_id: str
    data: Mapping[str, Any]
    newer_id: int | None = None
    older_id: int | None = None


@dataclass(frozen=True, slots=True)
class KeyRow:
    number: int
    public_key: str
    label: str
    per_minute: int
    created_at: dt.datetime
    created_by: str
    revoked_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class ErrorTotals:
    """``open`` counts open groups, ``new`` those first seen in the last day, ``hourly`` the events of each hour."""

    open: int
    new: int
    last_hour: int
    hourly: tuple[int, ...]


def group_rows(
    *,
    principal: Principal,
    state: str | None = None,
    entity_ref: str | None = None,
    level: str | None = None,
    environment: str | None = None,
    release: str | None = None,
    team: str | None = None,
    q: str | None = None,
    sort: Sort = "recent",
    limit: int = 50,
    cursor: str | None = None,
) -> Page[GroupRow]:
    """One page of the groups that match every filter. Raises ``NotFound`` for an entity that is not, and
    ``ValidationFailed`` for a cursor of another list."""
    principal.require(Permission.CATALOG_VIEW)
    groups = _narrowed(
        entity_ref=entity_ref, level=level, environment=environment, release=release, team=team, q=q
    ).select_related("entity", "team")
    if state:
        groups = groups.filter(state=state)
    limit = max(1, min(limit, MAX_LIMIT))
    purpose, keys = f"errors:{sort}", _ORDERS[sort]
    found = list(seek(groups, keys, decode_cursor(cursor, purpose=purpose) if cursor else None)[: limit + 1])
    trends = _trends([group.pk for group in found])
    rows = [(_row(group, trends[group.pk]), [getattr(group, key.field) for key in keys]) for group in found]
    page = cut_page(rows, limit=limit, purpose=purpose, position_of=lambda row: row[1])
    return Page(tuple(row for row, _ in page.items), page.next_cursor)


def state_counts(*, principal: Principal, **narrow: str | None) -> dict[str, int]:
    """How many groups of each state match the filters of ``group_rows``. Raises ``NotFound`` as it does."""
    principal.require(Permission.CATALOG_VIEW)
    return dict(_narrowed(**narrow).order_by().values_list("state").annotate(Count("id")))


def _narrowed(
    *,
    entity_ref: str | None = None,
    level: str | None = None,
    environment: str | None = None,
    release: str | None = None,
    team: str | None = None,
    q: str | None = None,
) -> QuerySet[ErrorGroup]:
    groups = ErrorGroup.objects.all()
    if entity_ref:
        groups = groups.filter(entity_id=find_entity(entity_ref).pk)
    if level:
        groups = groups.filter(level=level)
    if team:
        groups = groups.filter(Q(team__name=team) | Q(team=None, entity__team__name=team))
    if q:
        groups = groups.filter(Q(title__icontains=q) | Q(culprit__icontains=q))
    for names, wanted in (("environments", environment), ("releases", release)):
        if wanted:
            having = StoredEvent.objects.filter(**{names[:-1]: wanted}).values("group_id")
            groups = groups.filter(pk__in=having)
    return groups


@dataclass(frozen=True, slots=True)
class GroupNames:
    """What lists of groups can be narrowed to."""

    entities: tuple[str, ...]
    environments: tuple[str, ...]
    releases: tuple[str, ...]


def group_names() -> GroupNames:
    """Of the ``MAX_LIMIT`` groups seen last; names as programs told them, sorted."""
    rows = ErrorGroup.objects.order_by("-last_seen_ms").values_list("entity__name", "environments", "releases")
    entities, environments, releases = set(), set(), set()
    for entity, in_environments, in_releases in rows[:MAX_LIMIT]:
        entities.add(entity)
        environments.update(in_environments)
        releases.update(in_releases)
    return GroupNames(*(tuple(sorted(names)) for names in (entities, environments, releases)))


def new_group_count() -> int:
    """Open groups that were first seen in the last day."""
    since = now_ms() - 86_400_000
    # The second condition follows from the first, and has an index.
    open_groups = ErrorGroup.objects.filter(state=GroupState.OPEN, first_seen_ms__gt=since, last_seen_ms__gt=since)
    return open_groups.count()


def last_seen_ms(*, entity_id: int) -> int:
    """When any group of the entity was last seen; 0 before the first."""
    groups = ErrorGroup.objects.filter(entity_id=entity_id).order_by("-last_seen_ms")
    return groups.values_list("last_seen_ms", flat=True).first() or 0


def newest_event_id() -> int:
    """Rises with every event that is stored; 0 before the first."""
    return StoredEvent.objects.order_by("-id").values_list("id", flat=True).first() or 0


def group_row(*, principal: Principal, uid: str) -> GroupRow:
    """Raises ``NotFound``."""
    principal.require(Permission.CATALOG_VIEW)
    group = ErrorGroup.objects.select_related("entity", "team").filter(uid=uid).first()
    if group is None:
        raise NotFound("There is no such error group")
    return _row(group, _trends([group.pk])[group.pk])


def event_row(*, principal: Principal, group_id: int, number: int | None = None) -> EventRow | None:
    """One stored event of a group, None: the newest. None when no event is kept any more; raises ``NotFound``."""
    principal.require(Permission.CATALOG_VIEW)
    events = StoredEvent.objects.filter(group_id=group_id)
    event = events.order_by("-id").first() if number is None else events.filter(pk=number).first()
    if event is None:
        if number is not None:
            raise NotFound("This event is not kept any more")
        return None
    newer = events.filter(pk__gt=event.pk).order_by("id").values_list("id", flat=True).first()
    older = events.filter(pk__lt=event.pk).order_by("-id").values_list("id", flat=True).first()
    return _event(event, newer, older)


def event_rows(*, principal: Principal, group_id: int, limit: int = 20, cursor: str | None = None) -> Page[EventRow]:
    """The stored events of a group, newest first."""
    principal.require(Permission.CATALOG_VIEW)
    limit = max(1, min(limit, 100))
    purpose = f"error-events:{group_id}"
    position = decode_cursor(cursor, purpose=purpose) if cursor else None
    events = seek(StoredEvent.objects.filter(group_id=group_id), [SortKey("id", descending=True)], position)
    rows = [_event(event) for event in events[: limit + 1]]
    return cut_page(rows, limit=limit, purpose=purpose, position_of=lambda row: [row.id])


def key_rows(*, principal: Principal, entity_id: int) -> Sequence[KeyRow]:
    principal.require(Permission.CATALOG_VIEW)
    return [
        KeyRow(key.pk, key.public_key, key.label, key.per_minute, key.created_at, key.created_by, key.revoked_at)
        for key in ErrorKey.objects.filter(entity_id=entity_id, revoked_at=None).order_by("id")
    ]


def error_totals(*, entity_ids: Collection[int] | None = None) -> ErrorTotals:
    """The sum over all entities, or over some."""
    groups = ErrorGroup.objects.filter(state=GroupState.OPEN)
    if entity_ids is not None:
        groups = groups.filter(entity_id__in=entity_ids)
    now = now_ms()
    counts = groups.aggregate(open=Count("id"), new=Count("id", filter=Q(first_seen_ms__gt=now - 86_400_000)))
    running = now - now % HOUR_MS
    hours = ErrorCount.objects.filter(hour_ms__gt=running - TREND_HOURS * HOUR_MS)
    if entity_ids is not None:
        hours = hours.filter(group_id__in=ErrorGroup.objects.filter(entity_id__in=entity_ids).values("id"))
    per_hour = dict(hours.values_list("hour_ms").annotate(total=Sum("events")))
    hourly = tuple(per_hour.get(running - back * HOUR_MS, 0) for back in reversed(range(TREND_HOURS)))
    return ErrorTotals(counts["open"], counts["new"], hourly[-1] + _share_of_last_hour(now, running, hourly), hourly)


def _share_of_last_hour(now: int, running: int, hourly: Sequence[int]) -> int:
    """The part of the hour before that is less than an hour ago, as if its events were spread evenly."""
    return round(hourly[-2] * (1 - (now - running) / HOUR_MS))


def _trends(group_ids: Sequence[int]) -> Mapping[int, tuple[int, ...]]:
    now = now_ms()
    running = now - now % HOUR_MS
    counts = ErrorCount.objects.filter(group_id__in=group_ids, hour_ms__gt=running - TREND_HOURS * HOUR_MS)
    found: dict[int, dict[int, int]] = defaultdict(dict)
    for group, hour, events in counts.values_list("group_id", "hour_ms", "events"):
        found[group][hour] = events
    hours = [running - back * HOUR_MS for back in reversed(range(TREND_HOURS))]
    return {group: tuple(found[group].get(hour, 0) for hour in hours) for group in group_ids}


def _row(group: ErrorGroup, trend: tuple[int, ...]) -> GroupRow:
    is_open = group.state == GroupState.OPEN
    return GroupRow(
        id=group.pk,
        uid=group.uid,
        entity_id=group.entity_id,
        entity_name=group.entity.name,
        title=group.title,
        culprit=group.culprit,
        level=group.level,
        platform=group.platform,
        state=str(group.state),
        team=group.team.name if group.team else None,
        first_seen=from_ms(group.first_seen_ms),
        last_seen=from_ms(group.last_seen_ms),
        events=group.events,
        users=group.users,
        releases=tuple(group.releases),
        environments=tuple(group.environments),
        is_regression=is_open and group.regressed_at_ms is not None,
        resolved_in=group.resolved_in,
        muted_until=None if group.muted_until_ms is None else from_ms(group.muted_until_ms),
        muted_per_hour=group.muted_per_hour,
        version=group.version,
        trend=trend,
    )


def _event(event: StoredEvent, newer: int | None = None, older: int | None = None) -> EventRow:
    return EventRow(
        event.pk, event.event_id, from_ms(event.at_ms), event.release, event.environment, event.trace_id,
        read_stored(bytes(event.data)), newer, older,
    )  # fmt: skip

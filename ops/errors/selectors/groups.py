"""Groups of errors: one, and pages of many."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from django.db.models import Count, Q, QuerySet

from core.clock import from_ms
from core.errors import NotFound
from core.pagination import Page, SortKey, cut_page, decode_cursor, seek
from core.permissions import Permission, Principal
from core.search import matching
from entities.selectors import find_entity
from ops.errors.domain import GroupState
from ops.errors.models import ErrorGroup, StoredEvent
from ops.errors.selectors.totals import trends_of

MAX_LIMIT = 500
SEARCHED = ("title", "culprit", "entity__name")
"""What the words of ``q`` are looked for in."""

type Sort = Literal["recent", "volume", "first_seen"]
_ORDERS: Mapping[str, tuple[SortKey, ...]] = {
    "recent": (SortKey("last_seen_ms", descending=True), SortKey("id", descending=True)),
    "volume": (SortKey("events", descending=True), SortKey("id", descending=True)),
    "first_seen": (SortKey("first_seen_ms", descending=True), SortKey("id", descending=True)),
}


@dataclass(frozen=True, slots=True)
class GroupRow:
    """``trend`` holds the events of each of the last ``TREND_HOURS`` hours, the running one last; ``trouble`` is a
    ``Trouble`` while the group makes its entity degraded."""

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
    trouble: str | None
    resolved_in: str
    muted_until: dt.datetime | None
    muted_per_hour: int | None
    version: int
    trend: tuple[int, ...]


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
    trends = trends_of([group.pk for group in found])
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
        groups = groups.filter(matching(q, *SEARCHED))
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


def group_row(*, principal: Principal, uid: str) -> GroupRow:
    """Raises ``NotFound``."""
    principal.require(Permission.CATALOG_VIEW)
    group = None if "\0" in uid else ErrorGroup.objects.select_related("entity", "team").filter(uid=uid).first()
    if group is None:
        raise NotFound("There is no such error group")
    return _row(group, trends_of([group.pk])[group.pk])


def last_seen_ms(*, entity_id: int) -> int:
    """When any group of the entity was last seen; 0 before the first."""
    groups = ErrorGroup.objects.filter(entity_id=entity_id).order_by("-last_seen_ms")
    return groups.values_list("last_seen_ms", flat=True).first() or 0


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
        trouble=group.trouble or None if is_open else None,
        resolved_in=group.resolved_in,
        muted_until=None if group.muted_until_ms is None else from_ms(group.muted_until_ms),
        muted_per_hour=group.muted_per_hour,
        version=group.version,
        trend=trend,
    )

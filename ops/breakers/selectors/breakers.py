"""Reads of the fleet's breakers: lists, one with its instances, its transitions, and the totals."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.db.models import Count, F, QuerySet

from core.clock import database_now_ms
from core.errors import NotFound
from core.pagination import Page, SortKey, cut_page, decode_cursor, seek
from core.permissions import Permission, Principal
from core.search import matching
from entities.filters import EVERY_ENTITY, EntityFilter, owned
from entities.selectors import find_entity
from ops.breakers.definition import actions_of
from ops.breakers.domain import OPEN_STATES, RANKS, TROUBLED, Action, BreakerState
from ops.breakers.models import BreakerInstance, BreakerSource, BreakerTransition, FleetBreaker
from ops.breakers.selectors import effective
from ops.breakers.selectors.rows import (
    BreakerRow,
    InstanceRow,
    TransitionRow,
    breaker_row_of,
    instance_row_of,
    transition_row_of,
)
from ops.signals.domain import Status

LIMIT_MAX = 500
INSTANCES_SHOWN = 200
"""Instances that a row carries at most, the ones in most trouble first; it says how many there are."""
SEARCHED = ("name", "entity__name")
"""What the words of ``q`` are looked for in."""
TREND_HOURS = 24
HOUR_MS = 3_600_000

type Sort = Literal["trouble", "failures", "volume", "name"]
DEFAULT_SORT: Sort = "trouble"
_FAILURES, _VOLUME = SortKey("failures", descending=True), SortKey("volume", descending=True)
_ORDERS: Mapping[str, tuple[SortKey, ...]] = {
    "trouble": (SortKey("rank", descending=True), _FAILURES, _VOLUME, SortKey("name"), SortKey("id")),
    "failures": (_FAILURES, _VOLUME, SortKey("name"), SortKey("id")),
    "volume": (_VOLUME, SortKey("name"), SortKey("id")),
    "name": (SortKey("name"), SortKey("id")),
}


@dataclass(frozen=True, slots=True)
class BreakerTotals:
    """``states`` counts breakers by the word of their state, ``troubled`` those that are degraded.
    ``opened_hourly`` are transitions of instances to open in each of the last ``TREND_HOURS``, the running one last."""

    states: Mapping[str, int]
    troubled: int
    opened_hourly: tuple[int, ...]

    @property
    def total(self) -> int:
        return sum(self.states.values())


def breaker_rows(
    *,
    principal: Principal,
    state: str | None = None,
    owner: EntityFilter = EVERY_ENTITY,
    entity_ref: str | None = None,
    q: str = "",
    sort: Sort = DEFAULT_SORT,
    limit: int = 100,
    cursor: str | None = None,
) -> Page[BreakerRow]:
    """One page of the breakers that match every filter; ``state`` is a word of ``BreakerState``, or ``troubled``.

    ``owner`` narrows by the entity. Those of an inactive one are listed only when ``entity_ref`` names it.

    Raises ``NotFound`` for an entity that is not, ``ValidationFailed`` for a cursor of another list.
    """
    principal.require(Permission.CATALOG_VIEW)
    now = database_now_ms()
    breakers = _in_state(_narrowed(now, owner=owner, entity_ref=entity_ref, q=q), state).select_related("entity")
    limit = max(1, min(limit, LIMIT_MAX))
    purpose, keys = f"breakers:{sort}", _ORDERS[sort]
    found = list(seek(breakers, keys, decode_cursor(cursor, purpose=purpose) if cursor else None)[: limit + 1])
    rows = dict(zip((breaker.pk for breaker in found), _rows(found, now), strict=True))
    page = cut_page(
        found,
        limit=limit,
        purpose=purpose,
        position_of=lambda breaker: [getattr(breaker, key.field) for key in keys],
    )
    return Page(tuple(rows[breaker.pk] for breaker in page.items), page.next_cursor)


def state_counts(
    *, principal: Principal, owner: EntityFilter = EVERY_ENTITY, entity_ref: str | None = None, q: str = ""
) -> dict[str, int]:
    """How many breakers of each state match the filters of ``breaker_rows``. Raises ``NotFound`` as it does."""
    principal.require(Permission.CATALOG_VIEW)
    return _count_states(_narrowed(database_now_ms(), owner=owner, entity_ref=entity_ref, q=q))


def breaker_row(*, principal: Principal, uid: str) -> BreakerRow:
    """Raises ``NotFound``."""
    principal.require(Permission.CATALOG_VIEW)
    return _rows([find_breaker(uid)], database_now_ms())[0]


def entity_breaker_rows(*, principal: Principal, entity_id: int, limit: int = 50) -> Sequence[BreakerRow]:
    """The breakers of one entity, those in trouble first."""
    principal.require(Permission.CATALOG_VIEW)
    now = database_now_ms()
    breakers = _annotated(FleetBreaker.objects.filter(entity_id=entity_id), now).select_related("entity")
    return _rows(list(seek(breakers, _ORDERS["trouble"], None)[:limit]), now)


def transitions(*, principal: Principal, uid: str, limit: int = 50, cursor: str | None = None) -> Page[TransitionRow]:
    """What its instances went through, newest first. Raises ``NotFound``, ``ValidationFailed``."""
    principal.require(Permission.CATALOG_VIEW)
    breaker = find_breaker(uid)
    limit, purpose = max(1, min(limit, LIMIT_MAX)), f"breaker-transitions:{breaker.pk}"
    position = decode_cursor(cursor, purpose=purpose) if cursor else None
    found = seek(BreakerTransition.objects.filter(breaker_id=breaker.pk), [SortKey("id", descending=True)], position)
    rows = [transition_row_of(row) for row in found[: limit + 1]]
    return cut_page(rows, limit=limit, purpose=purpose, position_of=lambda row: [row.id])


def breaker_totals(*, owner: EntityFilter = EVERY_ENTITY) -> BreakerTotals:
    """The sum over what ``breaker_rows`` lists."""
    now = database_now_ms()
    breakers = _narrowed(now, owner=owner)
    states = _count_states(breakers)
    troubled = sum(count for word, count in states.items() if _is_trouble(BreakerState(word)))
    return BreakerTotals(states, troubled, _opened_hourly(breakers, now) if states else ())


def find_breaker(uid: str) -> FleetBreaker:
    """With its entity. Raises ``NotFound``."""
    breaker = None
    if "\0" not in uid:
        breaker = FleetBreaker.objects.select_related("entity").filter(uid=uid).first()
    if breaker is None:
        raise NotFound(f"There is no breaker {uid[:80]!r}")
    return breaker


def _annotated(breakers: QuerySet[FleetBreaker], now_ms: int) -> QuerySet[FleetBreaker]:
    return breakers.annotate(
        rank=effective.rank(now_ms),
        failures=effective.known("failure_share"),
        volume=effective.known("calls_per_minute"),
    )


def _narrowed(
    now_ms: int, *, owner: EntityFilter, entity_ref: str | None = None, q: str = ""
) -> QuerySet[FleetBreaker]:
    entity = find_entity(entity_ref) if entity_ref else None
    breakers = effective.watched() if entity is None else FleetBreaker.objects.filter(entity=entity)
    breakers = breakers.filter(owned(owner))
    if q:
        breakers = breakers.filter(matching(q, *SEARCHED))
    return _annotated(breakers, now_ms)


def _in_state(breakers: Any, state: str | None) -> Any:
    if state is None:
        return breakers
    wanted = [found for found in BreakerState if (_is_trouble(found) if state == TROUBLED else found == state)]
    return breakers.filter(rank__in=[RANKS[found] for found in wanted])


def _is_trouble(state: BreakerState) -> bool:
    return effective.status_of(state) is Status.DEGRADED


def _count_states(breakers: Any) -> dict[str, int]:
    by_rank = dict(breakers.order_by().values_list("rank").annotate(Count("id")))
    return {state.value: by_rank[rank] for state, rank in RANKS.items() if rank in by_rank}


def _opened_hourly(breakers: QuerySet[FleetBreaker], now_ms: int) -> tuple[int, ...]:
    running = now_ms - now_ms % HOUR_MS
    opened = BreakerTransition.objects.filter(at_ms__gt=running - TREND_HOURS * HOUR_MS, after__in=OPEN_STATES)
    opened = opened.filter(breaker_id__in=breakers.order_by().values("id"))
    hours: Any = opened.order_by().annotate(hour=F("at_ms") - F("at_ms") % HOUR_MS).values_list("hour")
    counts = dict(hours.annotate(Count("id")))
    return tuple(counts.get(running - back * HOUR_MS, 0) for back in reversed(range(TREND_HOURS)))


def _rows(breakers: Sequence[FleetBreaker], now_ms: int) -> list[BreakerRow]:
    found = BreakerInstance.objects.filter(breaker_id__in=[breaker.pk for breaker in breakers]).order_by("instance")
    by_breaker: dict[int, list[BreakerInstance]] = defaultdict(list)
    for instance in found:
        by_breaker[instance.breaker_id].append(instance)
    source_ids = {row.source_id for rows in by_breaker.values() for row in rows if row.source_id is not None}
    sources = BreakerSource.objects.in_bulk(source_ids)
    actions = {pk: actions_of(source) for pk, source in sources.items()}
    return [
        breaker_row_of(
            breaker,
            _instance_rows(by_breaker[breaker.pk], sources, now_ms),
            _joint_actions(by_breaker[breaker.pk], actions),
            is_reported=all(row.source_id is None for row in by_breaker[breaker.pk]),
            now_ms=now_ms,
        )
        for breaker in breakers
    ]


def _instance_rows(
    instances: Sequence[BreakerInstance], sources: Mapping[int, BreakerSource], now_ms: int
) -> list[InstanceRow]:
    names = {pk: source.name for pk, source in sources.items()}
    rows = [instance_row_of(row, names.get(row.source_id or 0), now_ms=now_ms) for row in instances]
    rows.sort(key=lambda row: -RANKS[BreakerState(row.state)])
    return rows[:INSTANCES_SHOWN]


def _joint_actions(instances: Sequence[BreakerInstance], actions: Mapping[int, frozenset[Action]]) -> frozenset[Action]:
    """What at least one of its instances takes."""
    return frozenset().union(*(actions.get(row.source_id or 0, frozenset()) for row in instances))

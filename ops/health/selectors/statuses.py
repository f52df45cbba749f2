"""How entities fare: the worst of their own checks, and what they suffer from through hard dependencies."""

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Count, Max, Min

from core.clock import database_now_ms, from_ms
from entities.domain import Lifecycle, Strength
from entities.models import Dependency, Entity
from entities.status import EntityStatus, StatusReason
from ops.health.domain import Status
from ops.health.impact import roll_up_impact
from ops.health.models import Check
from ops.health.selectors import effective
from ops.health.selectors.changes import newest_result_ms

MAX_REASONS = 20
"""Reasons that one entity carries at most, the worst first."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many entities have which status, and when the newest result of all came in."""

    counts: Mapping[str, int]
    newest_result_at: dt.datetime | None

    @property
    def total(self) -> int:
        return sum(self.counts.values())


class _Own(NamedTuple):
    """An entity's own checks, rolled up."""

    severity: int
    since_ms: int


def entity_statuses(ids: Collection[int] | None) -> Mapping[int, EntityStatus]:
    """The statuses of the entities with these primary keys; None: of all. Five queries at most, however many.

    The status is the worst of what the entity's checks that are not paused count for (``domain.counted_status``);
    ``paused`` when all are, or the entity is inactive. Checks that merely inform are no reason either. An entity that
    is itself fine, or has no check that counts, is ``impacted`` while an entity that it needs hard, directly or through
    others, is unhealthy. ``caused_by`` names the root causes of any entity that has some.
    """
    now = database_now_ms()
    own = _own_statuses(now)
    found = _restrict(Entity.objects.order_by(), "id", ids).values_list("id", "name", "lifecycle")
    entities = {entity_id: (name, lifecycle == Lifecycle.ACTIVE) for entity_id, name, lifecycle in found}
    failing = [entity_id for entity_id, status in own.items() if status.severity == Status.UNHEALTHY]
    causes = roll_up_impact(failing=failing, edges=_hard_edges()) if failing else {}
    names = _names_of({cause for entity_id in entities for cause in causes.get(entity_id, ())}, entities)
    troubled = [entity_id for entity_id in entities if entity_id in own and own[entity_id].severity > 0]
    reasons = _reasons(troubled if ids is not None or len(troubled) < 500 else None, now) if troubled else {}
    statuses, healthy_since = {}, _HealthySince()
    for entity_id, (_, is_active) in entities.items():
        mine = own.get(entity_id)
        if is_active and mine is not None and mine.severity == Status.HEALTHY and entity_id not in causes:
            statuses[entity_id] = healthy_since[mine.since_ms]  # nearly all of a large fleet
            continue
        statuses[entity_id] = _status_of(
            is_active=is_active,
            own=mine,
            reasons=tuple(reasons.get(entity_id, ())),
            causes={names[cause]: own[cause].since_ms for cause in causes.get(entity_id, ())},
        )
    return statuses


class _HealthySince(dict[int, EntityStatus]):
    """One for each moment: many entities turned healthy at once."""

    def __missing__(self, since_ms: int) -> EntityStatus:
        status = self[since_ms] = EntityStatus(status=Status.HEALTHY.word, since=_moment(since_ms))
        return status


def status_reasons(ids: Collection[int]) -> Mapping[int, tuple[StatusReason, ...]]:
    """What the reasons of these entities say now; one without a reason is left out."""
    return {entity_id: tuple(found) for entity_id, found in _reasons(ids, database_now_ms()).items()}


def verdict(counts: Mapping[str, int] | None = None) -> Verdict:
    """The sum of all statuses; pass ``counts`` of them when they are at hand."""
    found = Counter(status.status for status in entity_statuses(None).values()) if counts is None else counts
    newest = newest_result_ms()
    return Verdict(counts=dict(found), newest_result_at=None if newest is None else from_ms(newest))


def _restrict(rows: Any, field: str, ids: Collection[int] | None) -> Any:
    return rows if ids is None else rows.filter(**{f"{field}__in": ids})


def _own_statuses(now_ms: int) -> dict[int, _Own]:
    """Of every entity with checks: a root cause may be any of them."""
    by_status = (
        Check.objects.filter(effective.counts())
        .annotate(severity=effective.counted_severity(now_ms), since=effective.effective_since_ms(now_ms))
        .order_by()
        .values("entity_id", "severity")
        .annotate(first=Min("since"), last=Max("since"), checks=Count("id"))
        .values_list("entity_id", "severity", "first", "last")
    )
    own: dict[int, _Own] = {}
    with connection.cursor() as cursor:
        # Past the ORM, which converts every number once more: this reads a row for each entity.
        cursor.execute(*by_status.query.sql_with_params())
        rows = cursor.fetchall()
    for entity_id, severity, first, last in rows:
        if entity_id not in own or severity > own[entity_id].severity:
            # Fine since the last of its checks became so; in trouble since the first did.
            own[entity_id] = _Own(severity, first if severity > 0 else last)
    return own


def _hard_edges() -> Iterable[tuple[int, int]]:
    return Dependency.objects.filter(strength=Strength.HARD).order_by().values_list("entity_id", "depends_on_id")


def _names_of(causes: set[int], known: Mapping[int, tuple[str, bool]]) -> dict[int, str]:
    names = {cause: known[cause][0] for cause in causes if cause in known}
    if missing := causes - names.keys():
        names.update(Entity.objects.filter(id__in=missing).values_list("id", "name"))
    return names


def _reasons(entity_ids: Collection[int] | None, now_ms: int) -> dict[int, list[StatusReason]]:
    rows = (
        _restrict(Check.objects.all(), "entity_id", entity_ids)
        .annotate(severity=effective.counted_severity(now_ms), since=effective.effective_since_ms(now_ms))
        .filter(effective.counts(), severity__gt=Status.HEALTHY)
        .order_by("-severity", "since", "name")
        .values_list(
            "entity_id", "name", "severity", "since", "state__fresh_until_ms", "state__last_message", named=True
        )
    )
    reasons: dict[int, list[StatusReason]] = {}
    for row in rows:
        found = reasons.setdefault(row.entity_id, [])
        if len(found) >= MAX_REASONS:
            continue
        fresh_until = row.state__fresh_until_ms
        message = effective.reason(
            is_paused=False,
            is_stale=fresh_until is not None and fresh_until < now_ms,
            fresh_until_ms=fresh_until,
            message=row.state__last_message or "",
        )
        found.append(StatusReason(row.name, effective.WORDS[row.severity], message, _moment(row.since)))
    return reasons


def _status_of(
    *, is_active: bool, own: _Own | None, reasons: tuple[StatusReason, ...], causes: Mapping[str, int]
) -> EntityStatus:
    if not is_active:
        return EntityStatus(status="paused")
    caused_by = tuple(sorted(causes))
    if causes and (own is None or own.severity == Status.HEALTHY):
        return EntityStatus(status="impacted", since=_moment(min(causes.values())), caused_by=caused_by)
    if own is None:
        return EntityStatus(status="unknown")
    return EntityStatus(
        status=effective.WORDS[own.severity], since=_moment(own.since_ms), reasons=reasons, caused_by=caused_by
    )


def _moment(value_ms: int) -> dt.datetime | None:
    return from_ms(value_ms) if value_ms else None

"""How entities fare: the worst that their signals say, and what they suffer from through hard dependencies."""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from core.clock import database_now_ms, from_ms
from entities.domain import Lifecycle, Strength
from entities.models import Dependency, Entity
from entities.status import EntityStatus, StatusReason
from ops.health.selectors import newest_result_ms
from ops.signals.domain import WORDS, Reason, Standing, Status, worst_standing
from ops.statuses.impact import roll_up_impact
from ops.statuses.sources import SOURCES

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


def entity_statuses(ids: Collection[int] | None) -> Mapping[int, EntityStatus]:
    """The statuses of the entities with these primary keys; None: of all. As many queries for any number of them.

    The status is the worst that the entity's signals say; ``paused`` when nothing is left that would say anything, or
    the entity is inactive. An entity that is itself fine, or of which no signal tells, is ``impacted`` while an entity
    that it needs hard, directly or through others, is unhealthy. ``caused_by`` names the root causes of any entity that
    has some.
    """
    now = database_now_ms()
    own = _own_standings(now)
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


def _own_standings(now_ms: int) -> Mapping[int, Standing]:
    """Of every entity of which a signal tells: a root cause may be any of them."""
    told = [found for source in SOURCES if (found := source.standings(now_ms))]
    if len(told) == 1:  # most fleets have little but checks
        return told[0]
    merged: dict[int, Standing] = dict(told[0]) if told else {}
    for found in told[1:]:
        for entity_id, standing in found.items():
            known = merged.get(entity_id)
            worst = standing if known is None else worst_standing((known, standing))
            if worst is not None:
                merged[entity_id] = worst
    return merged


def _hard_edges() -> Iterable[tuple[int, int]]:
    return Dependency.objects.filter(strength=Strength.HARD).order_by().values_list("entity_id", "depends_on_id")


def _names_of(causes: set[int], known: Mapping[int, tuple[str, bool]]) -> dict[int, str]:
    names = {cause: known[cause][0] for cause in causes if cause in known}
    if missing := causes - names.keys():
        names.update(Entity.objects.filter(id__in=missing).values_list("id", "name"))
    return names


def _reasons(entity_ids: Collection[int] | None, now_ms: int) -> dict[int, list[StatusReason]]:
    found: dict[int, list[Reason]] = defaultdict(list)
    for source in SOURCES:
        for reason in source.reasons(entity_ids, now_ms):
            found[reason.entity_id].append(reason)
    return {entity_id: _worst_first(reasons) for entity_id, reasons in found.items()}


def _worst_first(reasons: list[Reason]) -> list[StatusReason]:
    reasons.sort(key=lambda reason: (-reason.severity, reason.since_ms, reason.name))
    return [
        StatusReason(reason.signal.value, reason.name, reason.severity.word, reason.message, _moment(reason.since_ms))
        for reason in reasons[:MAX_REASONS]
    ]


def _status_of(
    *, is_active: bool, own: Standing | None, reasons: tuple[StatusReason, ...], causes: Mapping[str, int]
) -> EntityStatus:
    if not is_active:
        return EntityStatus(status="paused")
    caused_by = tuple(sorted(causes))
    if causes and (own is None or own.severity == Status.HEALTHY):
        return EntityStatus(status="impacted", since=_moment(min(causes.values())), caused_by=caused_by)
    if own is None:
        return EntityStatus(status="unknown")
    return EntityStatus(status=WORDS[own.severity], since=_moment(own.since_ms), reasons=reasons, caused_by=caused_by)


def _moment(value_ms: int) -> dt.datetime | None:
    return from_ms(value_ms) if value_ms else None

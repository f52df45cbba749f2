"""What is wrong, causes first: an entity that merely suffers is told with its cause, not by itself."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from core.clock import to_ms
from core.permissions import Principal
from entities.models import Entity
from entities.status import EntityStatus
from ops.dashboard.reasons import Reason, fold_reasons
from ops.dashboard.rows import explain, failing_check
from ops.dashboard.severity import SEVERITY
from ops.dashboard.strip import RESULTS, Strip, draw_strip
from ops.health.models import Check
from ops.health.selectors import check_rows, recent_outcomes

SHOWN_PROBLEMS = 50
DRAWN_PROBLEMS = 20
"""So many of them, the first, have their last results drawn."""
SHOWN_REASONS = 3
SHOWN_IMPACTS = 8
_COLUMNS = ("id", "uid", "name", "team__name", "tier")
_FAR = dt.datetime.max.replace(tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Problem:
    """One entity in trouble, those that merely suffer from it, and whom it suffers from itself. ``can_run`` is false
    when all of its checks wait for pings. ``strip`` is of the check that gives the first reason."""

    uid: str
    name: str
    status: str
    since: dt.datetime | None
    reason: str
    reasons: tuple[Reason, ...]
    more_reasons: int
    impacts: tuple[str, ...]
    impact_count: int
    caused_by: tuple[str, ...]
    cause_count: int
    team: str | None
    tier: int
    can_run: bool
    strip: Strip | None

    @property
    def more_impacts(self) -> int:
        return self.impact_count - len(self.impacts)

    @property
    def more_causes(self) -> int:
        return self.cause_count - len(self.caused_by)


class _Row(NamedTuple):
    id: int
    uid: str
    name: str
    team: str | None
    tier: int


class _Sufferer(NamedTuple):
    """One that suffers from a cause; ``fails`` itself as well, and then has a row of its own."""

    name: str
    tier: int
    fails: bool


class Problems(NamedTuple):
    """The worst of ``total``."""

    items: list[Problem]
    total: int


def list_problems(
    statuses: Mapping[int, EntityStatus],
    *,
    principal: Principal,
    blind: bool,
    only: Collection[int] | None = None,
    drawn: int = DRAWN_PROBLEMS,
) -> Problems:
    """At most ``SHOWN_PROBLEMS``, sorted by severity, tier, impact, age; ``drawn`` of them with a strip.

    ``statuses`` are those of all entities. With ``only``, problems of these entities and what they suffer from. An
    entity that is unknown counts when a check says why; while the platform is blind none does, because then all
    are unknown for one reason.
    """
    words = {"unhealthy", "degraded"} if blind else {"unhealthy", "degraded", "unknown"}
    ids = [pk for pk, status in statuses.items() if status.status in words and status.reasons]
    if not ids:
        return Problems([], 0)
    impacts = _list_impacts(statuses)
    found = [_Row(*row) for row in Entity.objects.filter(pk__in=ids).values_list(*_COLUMNS)]
    if only is not None:
        causes = {cause for pk in only if pk in statuses for cause in statuses[pk].caused_by}
        found = [row for row in found if row.id in only or row.name in causes]
    found.sort(key=lambda row: _rank(row, statuses[row.id], impacts.get(row.name, ())))
    rows = found[:SHOWN_PROBLEMS]
    strips = _draw_strips({row.id: failing_check(statuses[row.id]) for row in rows[:drawn]}, principal)
    probed = Check.objects.filter(entity_id__in=[row.id for row in rows], heartbeat=None)
    runnable = set(probed.order_by().values_list("entity_id", flat=True))
    items = [
        _describe(
            row,
            statuses[row.id],
            impacts.get(row.name, ()),
            can_run=row.id in runnable,
            strip=strips.get(row.id),
        )
        for row in rows
    ]
    return Problems(items, len(found))


def _rank(row: _Row, status: EntityStatus, sufferers: Sequence[_Sufferer]) -> tuple[object, ...]:
    """A cause is as important as the most important of those that suffer from it, and comes before them."""
    tier = min([row.tier, *(sufferer.tier for sufferer in sufferers)])
    age = status.since or _FAR
    return -SEVERITY[status.status], tier, bool(status.caused_by), -len(sufferers), age, row.name


def _describe(
    row: _Row, status: EntityStatus, sufferers: Sequence[_Sufferer], *, can_run: bool, strip: Strip | None
) -> Problem:
    reasons = fold_reasons(status.reasons)
    impacted = [sufferer.name for sufferer in sufferers if not sufferer.fails]
    return Problem(
        uid=row.uid,
        name=row.name,
        status=status.status,
        since=status.since,
        reason=explain(status),
        reasons=reasons[:SHOWN_REASONS],
        more_reasons=max(0, len(reasons) - SHOWN_REASONS),
        impacts=tuple(impacted[:SHOWN_IMPACTS]),
        impact_count=len(impacted),
        caused_by=status.caused_by[:SHOWN_IMPACTS],
        cause_count=len(status.caused_by),
        team=row.team,
        tier=row.tier,
        can_run=can_run,
        strip=strip,
    )


def _list_impacts(statuses: Mapping[int, EntityStatus]) -> dict[str, list[_Sufferer]]:
    """From the name of a cause to those that suffer from it, by name."""
    suffering = [pk for pk, status in statuses.items() if status.caused_by]
    impacts: dict[str, list[_Sufferer]] = {}
    rows = Entity.objects.filter(pk__in=suffering).order_by("name")
    for pk, name, tier in rows.values_list("pk", "name", "tier"):
        for cause in statuses[pk].caused_by:
            fails = statuses[pk].status != "impacted"
            impacts.setdefault(cause, []).append(_Sufferer(name, tier, fails))
    return impacts


def _draw_strips(names: Mapping[int, str], principal: Principal) -> dict[int, Strip]:
    """From entities to the strip of their check of that name."""
    if not names:
        return {}
    rows = check_rows(principal=principal, entity_ids=list(names), limit=1_000).items
    checks = [row for row in rows if names[row.entity_id] == row.name and row.last_at is not None]
    last = {row.id: (to_ms(row.last_at), row.interval_ms) for row in checks if row.last_at is not None}
    outcomes = recent_outcomes(principal=principal, last_slots=last, limit=RESULTS)
    return {row.entity_id: draw_strip(outcomes[row.id], limit_ms=row.degraded_above_ms) for row in checks}

"""What the page of an entity shows of its checks: standing, ninety days, latency, failures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from core.permissions import Principal
from entities.selectors import EntityRow
from ops.dashboard.failures import list_failures
from ops.dashboard.latency import is_measured, place_chart, read_percentiles
from ops.dashboard.lists import address, plain
from ops.dashboard.rows import failing_check
from ops.dashboard.time_range import TimeRange, list_choices
from ops.dashboard.uptime import Days, draw_days
from ops.health.selectors import CheckRow, check_rows
from ops.health.selectors.history import uptime_days

MAX_CHECKS = 100
MAX_DRAWN = 30
"""So many checks, the first, have their days drawn."""


@dataclass(frozen=True, slots=True)
class CheckItem:
    check: CheckRow
    days: Days | None


@dataclass(frozen=True, slots=True)
class CheckChoice:
    """One of the checks whose latency the page can show."""

    name: str
    url: str
    is_current: bool


def read_entity_checks(
    query: QueryDict, path: str, *, principal: Principal, entity: EntityRow, time_range: TimeRange
) -> dict[str, Any]:
    """The part of the context that is about checks."""
    rows = check_rows(principal=principal, entity_ids=[entity.id], sort="name", limit=MAX_CHECKS).items
    days = uptime_days([row.id for row in rows[:MAX_DRAWN]])
    charted = _choose_chart(rows, entity, plain(query, "check"))
    percentiles = read_percentiles(charted.id, time_range) if charted else []
    return {
        "checks": [CheckItem(row, draw_days(days[row.id]) if row.id in days else None) for row in rows],
        "chart": place_chart(charted, time_range) if charted and is_measured(percentiles) else None,
        "chart_choices": [
            CheckChoice(row.name, address(query, path, check=row.name), row is charted) for row in rows if len(rows) > 1
        ],
        "chosen_check": plain(query, "check"),
        "time_range": time_range,
        "ranges": list_choices(query, path, current=time_range),
        "reset_url": address(query, path, **{"from": None, "to": None}),
        "failures": list_failures(rows),
    }


def _choose_chart(rows: Sequence[CheckRow], entity: EntityRow, wanted: str) -> CheckRow | None:
    """The check that the address names, else the one that gives the first reason, else the first."""
    for name in (wanted, failing_check(entity.status)):
        for row in rows:
            if row.name == name:
                return row
    return rows[0] if rows else None

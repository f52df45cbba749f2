"""What the page of a check shows: how it is run, how it has been, its results."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from core.clock import now_ms, to_ms
from core.errors import ValidationFailed
from core.pagination import Page
from core.permissions import Principal
from ops.dashboard.check_words import describe_check, list_definition
from ops.dashboard.failures import list_failures
from ops.dashboard.intervals import draw_band
from ops.dashboard.latency import is_measured, place_chart, read_percentiles
from ops.dashboard.lists import address
from ops.dashboard.time_range import TimeRange, list_choices, parse_range
from ops.dashboard.timeline import read_timeline
from ops.dashboard.uptime import draw_days, tell_windows
from ops.health.models import Check
from ops.health.selectors import ResultRow, check_row, check_rows, ping_paths, recent_pings, results_page
from ops.health.selectors.history import state_intervals, uptime_days, uptime_windows

SHOWN_RESULTS = 25
SHOWN_NEIGHBOURS = 20
SHOWN_PINGS = 20


@dataclass(frozen=True, slots=True)
class ResultItem:
    """A result with a key that keeps its table row through a morph."""

    key: int
    outcome: str
    started_at: dt.datetime
    duration_ms: float
    message: str


def read_check(query: QueryDict, path: str, *, principal: Principal, uid: str) -> dict[str, Any]:
    """The context of a check's page. Raises ``NotFound``."""
    row = check_row(principal=principal, uid=uid)
    check = Check.objects.get(uid=uid)
    born_ms = to_ms(check.created_at)
    time_range = parse_range(query, now_ms=now_ms(), born_ms=born_ms)
    results, is_first = _read_results(query, principal=principal, uid=uid, time_range=time_range)
    percentiles = read_percentiles(row.id, time_range)
    intervals = state_intervals(row.id, since_ms=time_range.since_ms, until_ms=time_range.until_ms)
    neighbours = check_rows(principal=principal, entity_ids=[row.entity_id], limit=SHOWN_NEIGHBOURS).items
    return {
        "check": row,
        "words": describe_check(check),
        "definition": list_definition(check),
        "waits_for_pings": row.waits_for_pings,
        "ping_paths": ping_paths(principal=principal, check_uid=uid),
        "pings": recent_pings(principal=principal, check_uid=uid, limit=SHOWN_PINGS),
        "days": draw_days(uptime_days([row.id])[row.id]),
        "windows": tell_windows(uptime_windows(row.id)),
        "chart": place_chart(row, time_range, size="large") if is_measured(percentiles) else None,
        "band": draw_band(intervals, time_range, born_ms=born_ms),
        "percentiles": percentiles,
        "time_range": time_range,
        "ranges": list_choices(query, path, current=time_range),
        "reset_url": address(query, path, cursor=None, **{"from": None, "to": None}),
        "failures": list_failures([row], limit=5),
        "results": [_result(result) for result in results.items],
        "older_url": address(query, path, cursor=results.next_cursor) if results.next_cursor else "",
        "newest_url": "" if is_first else address(query, path, cursor=None),
        "neighbours": [other for other in neighbours if other.id != row.id],
        "timeline": read_timeline(principal=principal, entity_id=row.entity_id, target_uids=[uid], subject=row.name),
    }


def _read_results(
    query: QueryDict, *, principal: Principal, uid: str, time_range: TimeRange
) -> tuple[Page[ResultRow], bool]:
    """One page within the time range, and whether it is the first; a cursor that cannot be read counts as not said."""
    cursor = query.get("cursor")

    def read(cursor: str | None) -> Page[ResultRow]:
        # A range that ends now has no upper end: a result that came meanwhile belongs to it.
        until_ms = None if time_range.name else time_range.until_ms
        return results_page(
            principal=principal, check_uid=uid, limit=SHOWN_RESULTS, cursor=cursor,
            since_ms=time_range.since_ms, until_ms=until_ms,
        )  # fmt: skip

    try:
        return read(cursor), cursor is None
    except ValidationFailed:
        return read(None), True


def _result(result: ResultRow) -> ResultItem:
    return ResultItem(
        key=to_ms(result.slot),
        outcome=result.outcome,
        started_at=result.started_at,
        duration_ms=result.duration_ms,
        message=result.message,
    )

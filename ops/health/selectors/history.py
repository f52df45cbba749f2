"""How checks have been: uptime, latency, intervals of their status, recent failures.

Nothing here asks who reads: callers have found the checks among what their reader may see. Times are milliseconds
since the epoch, a day is one of UTC. What uptime and latency mean is told in ``docs/history.md``.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db import connection

from core.clock import database_now_ms, from_ms
from core.errors import FieldError, ValidationFailed
from core.latency import percentiles_us
from core.permissions import Permission, Principal
from ops.health.check_ranges import Row, read_ranges
from ops.health.horizons import DAY_MS, HOUR_MS
from ops.health.intervals import StateInterval
from ops.health.models import StatusChange
from ops.health.status_changes import read_intervals
from ops.health.stretches import DAILY, FINE_MS, RAW, Clock, Piece, cut, read_totals
from ops.health.totals import COLUMNS, Totals
from ops.signals.domain import Status

__all__ = [
    "CHANGES_MAX",
    "WINDOWS_MS",
    "DayUptime",
    "FailureRow",
    "LatencySeries",
    "StateInterval",
    "WindowUptime",
    "fleet_uptime",
    "latency_series",
    "recent_failures",
    "refuse_too_many_changes",
    "state_intervals",
    "uptime_days",
    "uptime_windows",
    "window_totals",
]

CHANGES_MAX = 20_000
WINDOWS_MS = {"1h": HOUR_MS, "24h": DAY_MS, "7d": 7 * DAY_MS, "30d": 30 * DAY_MS, "90d": 90 * DAY_MS}
_STEPS_SECONDS = (10, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800)


@dataclass(frozen=True, slots=True)
class DayUptime:
    """One day of a check. ``ratio`` is the time not unhealthy over the time with a known status, None without any.

    ``worst`` is the worst known status of the day, ``results`` how many came in, ``down_seconds`` the time unhealthy,
    ``known_seconds`` that with a known status.
    """

    day: dt.date
    ratio: float | None
    worst: Status | None
    results: int
    down_seconds: int
    known_seconds: int


@dataclass(frozen=True, slots=True)
class WindowUptime:
    """The uptime of the last ``span_ms``, which rests on ``known_ms`` with a known status."""

    span_ms: int
    known_ms: int
    ratio: float | None


@dataclass(frozen=True, slots=True)
class LatencySeries:
    """Points of ``step_seconds``; each begins at its ``start_ms``. Latency is that of healthy and degraded results.

    A point without one has None; ``failures`` counts the unhealthy ones.
    """

    step_seconds: int
    start_ms: list[int]
    p50_ms: list[float | None]
    p95_ms: list[float | None]
    failures: list[int]


@dataclass(frozen=True, slots=True)
class FailureRow:
    """A result that was not healthy, with what is known of it; texts are empty where nothing is."""

    check_id: int
    slot_ms: int
    outcome: Status
    duration_us: int
    phase: str
    message: str
    excerpt: str
    trace_id: str


def uptime_days(check_ids: Collection[int], *, days: int = 90) -> dict[int, list[DayUptime]]:
    """Per check its last ``days`` days, the oldest first, today's so far the last; a day without data is there."""
    clock = Clock.read()
    last = clock.now_ms // DAY_MS
    numbers = range(last - days + 1, last + 1)
    open_from = min(last, clock.done_until_ms // DAY_MS)  # days from here on are not finished
    found: dict[int, dict[int, Totals]] = {check_id: {} for check_id in check_ids}
    for check_id, start_ms, *columns in read_ranges(
        DAILY, ("check_id", "start_ms", *COLUMNS), time="start_ms", check_ids=check_ids,
        since_ms=numbers[0] * DAY_MS, until_ms=open_from * DAY_MS,
    ):  # fmt: skip
        found[check_id].setdefault(start_ms // DAY_MS, Totals()).add_columns(columns)
    for day in range(max(numbers[0], open_from), last + 1):
        until = min((day + 1) * DAY_MS, clock.now_ms)
        for check_id, totals in read_totals(check_ids, since_ms=day * DAY_MS, until_ms=until, clock=clock).items():
            found[check_id][day] = totals
    return {
        check_id: [_day_uptime(day, of_check.get(day, _NOTHING)) for day in numbers]
        for check_id, of_check in found.items()
    }


def uptime_windows(check_id: int) -> dict[str, WindowUptime]:
    """The uptime of the last 1h, 24h, 7d, 30d and 90d."""
    clock, windows = Clock.read(), {}
    so_far, until = Totals(), clock.now_ms
    for name, span_ms in WINDOWS_MS.items():
        since = clock.now_ms - span_ms
        more = read_totals([check_id], since_ms=since, until_ms=until, clock=clock)[check_id]
        so_far.known_ms += more.known_ms
        so_far.down_ms += more.down_ms
        windows[name] = WindowUptime(span_ms, so_far.known_ms, so_far.uptime)
        until = since
    return windows


def window_totals(check_id: int, *, since_ms: int, until_ms: int) -> tuple[Totals, int, int]:
    """What the range sums up to, and the range: widened to whole roll-ups at ends of which nothing finer is kept."""
    clock = Clock.read()
    since, until = clock.snap(since_ms), clock.snap(until_ms)
    return read_totals([check_id], since_ms=since, until_ms=until, clock=clock)[check_id], since, until


_FLEET = """
SELECT wanted.uid, first.known_ms, first.down_ms, first.known_total_ms, first.down_total_ms,
  last.known_total_ms, last.down_total_ms
FROM ops_check AS wanted {rows}"""
# Two seeks for each check. PostgreSQL would read every row for the form that SQLite, without LATERAL, needs.
_FLEET_OF = {
    "postgresql": _FLEET.format(
        rows="""
CROSS JOIN LATERAL (
  SELECT * FROM ops_dailyrollup WHERE check_id = wanted.id AND start_ms >= %s ORDER BY start_ms LIMIT 1) AS first
CROSS JOIN LATERAL (
  SELECT * FROM ops_dailyrollup WHERE check_id = wanted.id ORDER BY start_ms DESC LIMIT 1) AS last"""
    ),
    "sqlite": _FLEET.format(
        rows="""
JOIN ops_dailyrollup AS first ON first.check_id = wanted.id AND first.start_ms = (
  SELECT min(start_ms) FROM ops_dailyrollup WHERE check_id = wanted.id AND start_ms >= %s)
JOIN ops_dailyrollup AS last ON last.check_id = wanted.id AND last.start_ms = (
  SELECT max(start_ms) FROM ops_dailyrollup WHERE check_id = wanted.id)"""
    ),
}


def fleet_uptime(*, principal: Principal, days: int = 90) -> dict[str, float]:
    """The uptime ratio of every check, by its uid, over ``days`` days to the last full hour, where known.

    One query that reads two rows of each check, however many days: roll-ups of a day carry running sums.
    """
    principal.require(Permission.CATALOG_VIEW)
    first = (database_now_ms() // DAY_MS - days + 1) * DAY_MS
    ratios = {}
    with connection.cursor() as cursor:
        cursor.execute(_FLEET_OF[connection.vendor], [first])
        for uid, own_known, own_down, first_known, first_down, last_known, last_down in cursor.fetchall():
            known = last_known - first_known + own_known
            if known:
                ratios[uid] = 1 - (last_down - first_down + own_down) / known
    return ratios


def latency_series(
    check_ids: Collection[int], *, since_ms: int, until_ms: int, points: int = 300
) -> dict[int, LatencySeries]:
    """Per check at most ``points`` points, on a grid that is the same for all.

    Steps are as fine as the points allow and as what is still kept of the beginning of the range.
    """
    clock = Clock.read()
    step_seconds = _step_seconds(since_ms, until_ms, points, clock)
    step = step_seconds * 1_000
    starts = list(range(since_ms // step * step, until_ms, step))
    found: defaultdict[tuple[int, int], Totals] = defaultdict(Totals)
    for piece in cut(starts[0], until_ms, clock, grid_ms=step) if starts else ():
        if piece.table == RAW:
            for check_id, slot_ms, outcome, duration_us in _rows(piece, check_ids, _RESULT):
                found[check_id, slot_ms // step * step].add_result(outcome, duration_us)
        else:
            for check_id, start_ms, *columns in _rows(piece, check_ids, ("check_id", "start_ms", *COLUMNS)):
                found[check_id, start_ms // step * step].add_columns(columns)
    return {
        check_id: _series(step_seconds, starts, [found.get((check_id, start), _NOTHING) for start in starts])
        for check_id in check_ids
    }


def state_intervals(check_id: int, *, since_ms: int, until_ms: int) -> list[StateInterval]:
    """The statuses of the check over the whole range, in order, without gaps; unknown where nothing was known.

    Exact however long ago: changes of status are kept for good. Nothing is told of the future.
    """
    now = database_now_ms()
    until = min(until_ms, now)
    if since_ms >= until:
        return []
    return read_intervals([check_id], since_ms=since_ms, until_ms=until, now_ms=now)[check_id]


def refuse_too_many_changes(check_id: int, *, since_ms: int, until_ms: int) -> None:
    """Raises ``ValidationFailed`` for a range with more than ``CHANGES_MAX`` changes of status."""
    changes = StatusChange.objects.filter(check_id=check_id, at_ms__gte=since_ms, at_ms__lt=until_ms)
    if changes[: CHANGES_MAX + 1].count() > CHANGES_MAX:
        wrong = FieldError("since", f"the range has more than {CHANGES_MAX} changes of status; ask for a shorter one")
        raise ValidationFailed("The range is not valid", errors=(wrong,))


_FAILURES = """
SELECT result.check_id, result.slot_ms, outcome, duration_us, phase, message, excerpt, trace_id
FROM ops_resultdetail AS detail JOIN ops_checkresult AS result
  ON result.check_id = detail.check_id AND result.slot_ms = detail.slot_ms
WHERE detail.check_id = %s AND outcome <> %s ORDER BY detail.slot_ms DESC LIMIT %s"""


def recent_failures(check_ids: Collection[int], *, limit: int = 10, each: int | None = None) -> list[FailureRow]:
    """The newest results that were not healthy, of all these checks together. One short query for each check.

    With ``each``, so many of every check go before more of one, so that a check that fails all the time hides no other.
    """
    first: list[Row] = []
    more: list[Row] = []
    with connection.cursor() as cursor:
        for check_id in check_ids:
            cursor.execute(_FAILURES, [check_id, Status.HEALTHY.value, limit])
            found = cursor.fetchall()
            first += found[:each]
            more += found[each:] if each is not None else []
    chosen = sorted(first, key=_newest_first)[:limit]
    chosen += sorted(more, key=_newest_first)[: limit - len(chosen)]
    return [FailureRow(row[0], row[1], Status(row[2]), *row[3:]) for row in sorted(chosen, key=_newest_first)]


def _newest_first(failure: Row) -> tuple[int, int]:
    check_id, slot_ms, *_ = failure
    return (-slot_ms, check_id)


_RESULT = ("check_id", "slot_ms", "outcome", "duration_us")
_NOTHING = Totals()


def _rows(piece: Piece, check_ids: Collection[int], columns: Sequence[str]) -> list[Row]:
    return read_ranges(
        piece.table, columns, time=columns[1], check_ids=check_ids, since_ms=piece.since_ms, until_ms=piece.until_ms
    )


def _step_seconds(since_ms: int, until_ms: int, points: int, clock: Clock) -> int:
    wanted = (until_ms - since_ms) / 1_000 / points
    if since_ms < clock.fine_from_ms:
        wanted = max(wanted, HOUR_MS / 1_000)
    elif since_ms < clock.raw_from_ms:
        wanted = max(wanted, FINE_MS / 1_000)
    return next((step for step in _STEPS_SECONDS if step >= wanted), _STEPS_SECONDS[-1])


def _series(step_seconds: int, starts: list[int], totals: Sequence[Totals]) -> LatencySeries:
    pairs = [percentiles_us(item.latency, 0.5, 0.95) for item in totals]
    return LatencySeries(
        step_seconds,
        starts,
        [_milliseconds(p50) for p50, _ in pairs],
        [_milliseconds(p95) for _, p95 in pairs],
        [item.counts[Status.UNHEALTHY] for item in totals],
    )


def _milliseconds(duration_us: float | None) -> float | None:
    return None if duration_us is None else round(duration_us / 1_000, 3)


def _day_uptime(day: int, totals: Totals) -> DayUptime:
    return DayUptime(
        day=from_ms(day * DAY_MS).date(),
        ratio=totals.uptime,
        worst=totals.worst,
        results=totals.results,
        down_seconds=round(totals.down_ms / 1_000),
        known_seconds=round(totals.known_ms / 1_000),
    )

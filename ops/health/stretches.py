"""Totals of any stretch of time: from roll-ups where whole ones fit in, and the rest from what these are made of."""

from collections.abc import Collection
from dataclasses import dataclass

from core.clock import database_now_ms
from ops.health.check_ranges import read_ranges
from ops.health.horizons import DAY_MS, HOUR_MS, current_horizons, rolled_up_until_ms
from ops.health.intervals import time_by_state
from ops.health.status_changes import read_intervals
from ops.health.totals import COLUMNS, Totals

FINE_MS = 300_000
FINE, HOURLY, DAILY = "ops_finerollup", "ops_hourlyrollup", "ops_dailyrollup"
RAW = "ops_checkresult"


@dataclass(frozen=True, slots=True)
class Piece:
    """From ``since_ms`` up to ``until_ms``, to be read from this table."""

    table: str
    since_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class Clock:
    """What a reading goes by: now, until when roll-ups reach, and from when on each source is whole."""

    now_ms: int
    done_until_ms: int
    raw_from_ms: int
    fine_from_ms: int

    @classmethod
    def read(cls) -> "Clock":
        now, horizons = database_now_ms(), current_horizons()
        return cls(now, rolled_up_until_ms(), now - horizons.raw_ms, now - horizons.fine_ms)

    def snap(self, moment_ms: int) -> int:
        """``moment_ms``, or the beginning of the roll-up around it where nothing finer is kept."""
        if moment_ms < self.fine_from_ms:
            return moment_ms // HOUR_MS * HOUR_MS
        if moment_ms < self.raw_from_ms:
            return moment_ms // FINE_MS * FINE_MS
        return moment_ms


def cut(since_ms: int, until_ms: int, clock: Clock, *, grid_ms: int = DAY_MS) -> list[Piece]:
    """The range as pieces in order, without overlap: of the coarsest roll-up that fits into it, and into the grid."""
    sources = [(DAILY, DAY_MS), (HOURLY, HOUR_MS), (FINE, FINE_MS)]
    return _cut(since_ms, until_ms, clock, [(table, step) for table, step in sources if grid_ms % step == 0])


def _cut(since_ms: int, until_ms: int, clock: Clock, sources: list[tuple[str, int]]) -> list[Piece]:
    if since_ms >= until_ms:
        return []
    if not sources:
        return [Piece(RAW, since_ms, until_ms)]
    (table, step), *finer = sources
    start, end = -(-since_ms // step) * step, min(until_ms, clock.done_until_ms) // step * step
    if table == FINE:
        start = max(start, -(-clock.fine_from_ms // step) * step)
    if start >= end:
        return _cut(since_ms, until_ms, clock, finer)
    return [
        *_cut(since_ms, start, clock, finer),
        Piece(table, start, end),
        *_cut(end, until_ms, clock, finer),
    ]


def read_totals(check_ids: Collection[int], *, since_ms: int, until_ms: int, clock: Clock) -> dict[int, Totals]:
    """Per check what the range sums up to.

    Time by state is exact for any range. Results and latency are, unless an end of the range lies between two
    roll-ups of a time of which nothing finer is kept: see ``Clock.snap``.
    """
    found = {check_id: Totals() for check_id in check_ids}
    for piece in cut(since_ms, until_ms, clock):
        if piece.table == RAW:
            _add_raw(found, piece, clock)
            continue
        for check_id, *columns in read_ranges(
            piece.table, ("check_id", *COLUMNS), time="start_ms", check_ids=check_ids, since_ms=piece.since_ms,
            until_ms=piece.until_ms,
        ):  # fmt: skip
            found[check_id].add_columns(columns)
    return found


def _add_raw(found: dict[int, Totals], piece: Piece, clock: Clock) -> None:
    for check_id, outcome, duration_us in read_ranges(
        RAW, ("check_id", "outcome", "duration_us"), time="slot_ms", check_ids=list(found), since_ms=piece.since_ms,
        until_ms=piece.until_ms,
    ):  # fmt: skip
        found[check_id].add_result(outcome, duration_us)
    intervals = read_intervals(
        list(found), since_ms=piece.since_ms, until_ms=min(piece.until_ms, clock.now_ms), now_ms=clock.now_ms
    )
    for check_id, states in intervals.items():
        found[check_id].add_time(time_by_state(states))

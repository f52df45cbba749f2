"""Roll-ups: what came in and what held in 5 minutes, an hour and a day, for each check.

Time is worked off in order, in steps of an hour at most, from raw results and changes of status to 5 minutes, from
these to hours, from these to days. Whatever a step writes follows from what is stored, so a step that is run twice, or
was cut off and begins again, leaves the same rows.
"""

import time
from collections.abc import Collection, Iterable
from itertools import batched

import structlog
from django.db import connection, transaction

from core.clock import database_now_ms
from ops.health.check_ranges import WANTED, Row, pack_ids, read_ranges
from ops.health.horizons import DAY_MS, HOUR_MS, current_horizons
from ops.health.intervals import time_by_bucket
from ops.health.models import LATE_MS, Check, CheckResult, RollupProgress
from ops.health.status_changes import read_intervals
from ops.health.stretches import DAILY, FINE, FINE_MS, HOURLY, RAW
from ops.health.totals import COLUMNS, Totals

log = structlog.get_logger(__name__)

SETTLE_MS = LATE_MS + 60_000
"""How long after its end a stretch is rolled up, so that results on their way are in; later ones are made up for."""

CHECKS_PER_BATCH = 500
RUN_SECONDS = 10.0
_LATE_AT_ONCE = 5_000

type _Key = tuple[int, int]


def roll_up(*, run_seconds: float = RUN_SECONDS, now_ms: int | None = None) -> int:
    """Work off what has settled, and what results that came late have changed; returns the number of steps.

    Begins no step after ``run_seconds``: the next run goes on from there, hours or days behind as it may be.
    """
    now = database_now_ms() if now_ms is None else now_ms
    progress = _find_progress(now)
    settled, ends_at, steps = (now - SETTLE_MS) // FINE_MS * FINE_MS, time.monotonic() + run_seconds, 0
    _make_up_for_late_results(progress, now)
    while progress.done_until_ms < settled and (steps == 0 or time.monotonic() < ends_at):
        start = progress.done_until_ms
        until = min(settled, (start // HOUR_MS + 1) * HOUR_MS)
        for check_ids in batched(Check.objects.order_by("pk").values_list("pk", flat=True), CHECKS_PER_BATCH):
            _roll_step(check_ids, start, until, now)
        progress.done_until_ms = until
        RollupProgress.objects.filter(pk=1, done_until_ms__lt=until).update(done_until_ms=until)
        steps += 1
    RollupProgress.objects.filter(pk=1).update(ran_at_ms=now)
    return steps


def _find_progress(now_ms: int) -> RollupProgress:
    """Of a database that was never rolled up: from where its raw results may begin."""
    first = (now_ms - current_horizons().raw_ms) // HOUR_MS * HOUR_MS
    if CheckResult.objects.first() is None:
        first = (now_ms - SETTLE_MS) // FINE_MS * FINE_MS
    return RollupProgress.objects.get_or_create(pk=1, defaults={"done_until_ms": first, "ran_at_ms": now_ms})[0]


def _roll_step(check_ids: Collection[int], start_ms: int, until_ms: int, now_ms: int) -> None:
    with transaction.atomic():
        _roll_fine(check_ids, start_ms, until_ms, now_ms)
        if until_ms % HOUR_MS == 0:
            _roll_hour(check_ids, until_ms - HOUR_MS)
            _roll_day(check_ids, (until_ms - HOUR_MS) // DAY_MS * DAY_MS)


def _make_up_for_late_results(progress: RollupProgress, now_ms: int) -> None:
    """A slot that was run again hours later counts where it was due."""
    kept_from = now_ms - current_horizons().raw_ms + HOUR_MS
    late = CheckResult.objects.filter(
        late_ms__gt=LATE_MS, slot_ms__gte=kept_from, slot_ms__lt=progress.done_until_ms
    ).values_list("check_id", "slot_ms", "late_ms")
    hours: dict[int, set[int]] = {}
    for check_id, slot_ms, late_ms in late[:_LATE_AT_ONCE]:
        if slot_ms + late_ms >= progress.ran_at_ms - SETTLE_MS:
            hours.setdefault(slot_ms // HOUR_MS * HOUR_MS, set()).add(check_id)
    for hour, found in sorted(hours.items()):
        for check_ids in batched(sorted(found), CHECKS_PER_BATCH):
            _roll_step(check_ids, hour, min(hour + HOUR_MS, progress.done_until_ms), now_ms)


def _roll_fine(check_ids: Collection[int], start_ms: int, until_ms: int, now_ms: int) -> None:
    found: dict[_Key, Totals] = {}
    results = read_ranges(
        RAW, ("check_id", "slot_ms", "outcome", "duration_us"), time="slot_ms", check_ids=check_ids,
        since_ms=start_ms, until_ms=until_ms,
    )  # fmt: skip
    for check_id, slot_ms, outcome, duration_us in results:
        key = (check_id, slot_ms // FINE_MS * FINE_MS)
        totals = found.get(key)
        if totals is None:
            totals = found[key] = Totals()
        totals.add_result(outcome, duration_us)
    states = read_intervals(check_ids, since_ms=start_ms, until_ms=until_ms, now_ms=now_ms)
    for check_id, intervals in states.items():
        for bucket, state_time in time_by_bucket(intervals, step_ms=FINE_MS).items():
            found.setdefault((check_id, bucket), Totals()).add_time(state_time)
    _write(FINE, COLUMNS, ((*key, *totals.columns()) for key, totals in found.items()))


def _roll_hour(check_ids: Collection[int], hour_ms: int) -> None:
    found = _sum_up(FINE, check_ids, hour_ms, hour_ms + HOUR_MS)
    _write(HOURLY, COLUMNS, ((check_id, hour_ms, *totals.columns()) for check_id, totals in found.items()))


def _roll_day(check_ids: Collection[int], day_ms: int) -> None:
    """Hours of the day that are still to come add nothing yet."""
    found = _sum_up(HOURLY, check_ids, day_ms, day_ms + DAY_MS)
    before = _totals_before(check_ids, day_ms)
    rows = (
        (check_id, day_ms, *totals.columns(), known + totals.known_ms, down + totals.down_ms)
        for check_id, totals in found.items()
        for known, down in [before.get(check_id, (0, 0))]
    )
    _write(DAILY, (*COLUMNS, "known_total_ms", "down_total_ms"), rows)


def _sum_up(table: str, check_ids: Collection[int], since_ms: int, until_ms: int) -> dict[int, Totals]:
    found: dict[int, Totals] = {}
    for check_id, *columns in read_ranges(
        table, ("check_id", *COLUMNS), time="start_ms", check_ids=check_ids, since_ms=since_ms, until_ms=until_ms
    ):
        found.setdefault(check_id, Totals()).add_columns(columns)
    return found


_TOTALS_BEFORE = {
    "postgresql": """
SELECT day.check_id, day.known_total_ms, day.down_total_ms FROM {wanted} CROSS JOIN LATERAL (
  SELECT * FROM ops_dailyrollup WHERE check_id = wanted.check_id AND start_ms < %(before)s
  ORDER BY start_ms DESC LIMIT 1
) AS day""",
    "sqlite": """
SELECT day.check_id, day.known_total_ms, day.down_total_ms FROM {wanted} CROSS JOIN ops_dailyrollup AS day
WHERE day.check_id = wanted.check_id AND day.start_ms = (
  SELECT max(start_ms) FROM ops_dailyrollup WHERE check_id = wanted.check_id AND start_ms < %(before)s
)""",
}


def _totals_before(check_ids: Collection[int], day_ms: int) -> dict[int, tuple[int, int]]:
    with connection.cursor() as cursor:
        statement = _TOTALS_BEFORE[connection.vendor].format(wanted=WANTED[connection.vendor])
        cursor.execute(statement, {"ids": pack_ids(check_ids), "before": day_ms})
        return {check_id: (known, down) for check_id, known, down in cursor.fetchall()}


_TYPES = {"latency": "bytea"}
_CONFLICT = " ON CONFLICT (check_id, start_ms) DO UPDATE SET {assigned}"


def _write(table: str, columns: Iterable[str], rows: Iterable[Row]) -> None:
    """Insert the rows, or overwrite those of the same check and time; in the order of their keys, against deadlocks."""
    ordered = sorted(rows, key=lambda row: row[:2])
    if not ordered:
        return
    names = ("check_id", "start_ms", *columns)
    into = f"INSERT INTO {table} ({', '.join(names)}) "
    update = _CONFLICT.format(assigned=", ".join(f"{name} = excluded.{name}" for name in columns))
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            arrays = ", ".join(f"%s::{_TYPES.get(name, 'bigint')}[]" for name in names)
            statement = f"{into} SELECT * FROM unnest({arrays}){update}"  # noqa: S608 - constants of this module
            cursor.execute(statement, [list(column) for column in zip(*ordered, strict=True)])
        else:
            cursor.executemany(f"{into} VALUES ({', '.join(['%s'] * len(names))}){update}", ordered)

"""How long which part of the history is kept."""

from dataclasses import dataclass

from core.config import get_config
from ops.health.models import RollupProgress

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

_RAW = frozenset({"ops_checkresult", "ops_resultdetail"})


@dataclass(frozen=True, slots=True)
class Horizons:
    """In milliseconds before now; each is at least as long as the one before it."""

    raw_ms: int
    fine_ms: int
    hourly_ms: int
    daily_ms: int


def current_horizons() -> Horizons:
    config = get_config()
    return Horizons(
        raw_ms=config.keep_results_hours * HOUR_MS,
        fine_ms=config.keep_fine_rollups_days * DAY_MS,
        hourly_ms=config.keep_hourly_rollups_days * DAY_MS,
        daily_ms=config.keep_daily_rollups_days * DAY_MS,
    )


def rolled_up_until_ms() -> int:
    """Everything before is rolled up; 0 before the first run."""
    return RollupProgress.objects.filter(pk=1).values_list("done_until_ms", flat=True).first() or 0


def kept_from_ms(table: str, *, now_ms: int) -> int:
    """What of a table is older may go.

    Raw results wait for their roll-up, for as long again as they are kept: a disk must not fill up for its sake.
    """
    horizons = current_horizons()
    if table not in _RAW:
        kept = {"ops_finerollup": horizons.fine_ms, "ops_hourlyrollup": horizons.hourly_ms}
        return now_ms - kept.get(table, horizons.daily_ms)
    wanted = now_ms - horizons.raw_ms
    done = rolled_up_until_ms()
    return max(min(wanted, done), wanted - horizons.raw_ms) if done else wanted

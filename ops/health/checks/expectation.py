"""Signs of life that a target sends by itself: when the next one is late."""

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

_GAPS_LOOKED_AT = 8
_REFERENCE = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Expectation:
    """One sign of life in ``period_ms``, at most ``grace_ms`` late.

    With ``cron`` one for each time of that expression in ``timezone``; the period is then about the longest time
    between two of them.
    """

    period_ms: int
    grace_ms: int
    cron: str | None = None
    timezone: str = "UTC"

    def deadline_after(self, at_ms: int) -> int:
        """When the next sign of life is late, after one that came at ``at_ms``."""
        if self.cron is None:
            return at_ms + self.period_ms + self.grace_ms
        return next_cron_ms(self.cron, self.timezone, after_ms=at_ms) + self.grace_ms

    def deadline_after_silence(self, deadline_ms: int) -> int:
        """The deadline of the one after that which did not come by ``deadline_ms``; always later."""
        if self.cron is None:
            return deadline_ms + self.period_ms
        return next_cron_ms(self.cron, self.timezone, after_ms=deadline_ms - self.grace_ms) + self.grace_ms


def next_cron_ms(cron: str, timezone: str, *, after_ms: int) -> int:
    """The first time of the expression after that moment.

    Where clocks change it does as Debian's cron: a time that is left out comes right after the gap, one that comes
    twice counts once. Raises ``ValueError`` for an expression that cannot be read or is never true.
    """
    start = dt.datetime.fromtimestamp(after_ms // 1_000, ZoneInfo(timezone))
    try:
        for moment in CronSim(cron, start):
            at_ms = round(moment.timestamp() * 1_000)
            if at_ms > after_ms:  # not so in the repeated hour, of which the iterator knows only the first
                return at_ms
    except CronSimError as error:
        raise ValueError(f"not a cron expression such as 30 2 * * 1-5: {error}") from None
    raise ValueError("this time never comes")


@lru_cache(maxsize=10_000)
def cron_period_ms(cron: str, timezone: str) -> int:
    """About the longest time between two neighbouring times of the expression."""
    at_ms = next_cron_ms(cron, timezone, after_ms=round(_REFERENCE.timestamp() * 1_000))
    longest = 0
    for _ in range(_GAPS_LOOKED_AT):
        following = next_cron_ms(cron, timezone, after_ms=at_ms)
        longest, at_ms = max(longest, following - at_ms), following
    return longest

"""The time range of a page, read from its address: ``?range=24h``, or ``?from=`` and ``?to=`` after a zoom."""

import datetime as dt
from dataclasses import dataclass

from django.http import QueryDict

from core.clock import to_ms
from ops.dashboard.lists import address

SPANS_MS = {
    "1h": 3_600_000,
    "6h": 21_600_000,
    "24h": 86_400_000,
    "7d": 604_800_000,
    "30d": 2_592_000_000,
    "90d": 7_776_000_000,
}
DEFAULT = "24h"
"""Of what is a day old; a younger one starts with the shortest span that covers its life."""
SHORTEST_MS = 10_000
LONGEST_MS = 400 * 86_400_000


@dataclass(frozen=True, slots=True)
class TimeRange:
    """From ``since_ms`` up to ``until_ms``. ``name`` is a key of ``SPANS_MS``, empty for a range with fixed ends."""

    name: str
    since_ms: int
    until_ms: int

    @property
    def query(self) -> str:
        """What an address needs to say the same."""
        return f"range={self.name}" if self.name else f"from={self.since_ms}&to={self.until_ms}"

    @property
    def refresh_ms(self) -> int:
        """How often a chart of this range has something new to show: about a pixel's worth, 15 s at least."""
        return max(15_000, (self.until_ms - self.since_ms) // 600)


@dataclass(frozen=True, slots=True)
class RangeChoice:
    name: str
    url: str
    is_current: bool


def parse_range(query: QueryDict, *, now_ms: int, born_ms: int = 0) -> TimeRange:
    """What cannot be read counts as not said. Ends are milliseconds since the epoch, or ISO 8601 with a zone.

    ``born_ms`` is since when there can be something to show.
    """
    since, until = _moment(query.get("from", "")), _moment(query.get("to", ""))
    if since is not None:
        until = min(until or now_ms, now_ms)
        if SHORTEST_MS <= until - since <= LONGEST_MS:
            return TimeRange("", since, until)
    name = query.get("range", "")
    name = name if name in SPANS_MS else _default_for(now_ms - born_ms)
    return TimeRange(name, now_ms - SPANS_MS[name], now_ms)


def _default_for(age_ms: int) -> str:
    covering = (name for name, span_ms in SPANS_MS.items() if span_ms >= min(age_ms, SPANS_MS[DEFAULT]))
    return next(covering, DEFAULT)


def list_choices(query: QueryDict, path: str, *, current: TimeRange) -> list[RangeChoice]:
    """The ranges to switch to; whatever else the address says stays, but for the place in a list of results."""
    return [
        RangeChoice(
            name,
            address(query, path, range=name, cursor=None, **{"from": None, "to": None}),
            name == current.name,
        )
        for name in SPANS_MS
    ]


def _moment(value: str) -> int | None:
    if value.isascii() and value.isdigit():
        return int(value) if len(value) <= 14 else None
    try:
        moment = dt.datetime.fromisoformat(value)
    except ValueError:
        return None
    return max(0, to_ms(moment)) if moment.tzinfo is not None else None

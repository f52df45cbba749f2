"""The four questions on the overview: is it well, does work pile up, what is cut off, what throws."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from django.http import QueryDict
from django.urls import reverse
from django.utils.safestring import SafeString

from core.durations import describe_duration_ms
from core.permissions import Principal
from ops.breakers.domain import TROUBLED, BreakerState
from ops.breakers.selectors import breaker_totals
from ops.dashboard.kept_filters import kept_address, read_kept
from ops.dashboard.sparkline import draw_bars, draw_sparkline
from ops.errors.selectors import error_totals
from ops.health.selectors import status_counts
from ops.health.selectors.trend import turned_bad_hourly
from ops.queues.selectors import queue_totals
from ops.queues.selectors.totals import TREND_STEP_MS

KEPT_SECONDS = 5.0
KEPT_AT_LEAST_SECONDS = 1.0
KEPT_MAX = 50
"""Counting all checks takes longer than the rest of the page, and in a storm every second brings changes."""
_TROUBLE = ("unhealthy", "degraded")


@dataclass(frozen=True, slots=True)
class Tile:
    """``status`` colours it, ``figure`` is the answer, ``note`` the rest of it; ``trend`` may be empty."""

    title: str
    url: str
    status: str
    figure: str
    note: str
    trend: SafeString | str = ""


_known: dict[str, tuple[float, str, tuple[Tile, ...]]] = {}
"""By the kept filters of the address."""


def read_tiles(*, principal: Principal, stamp: str, query: QueryDict | None = None) -> tuple[Tile, ...]:
    """Of what the kept filters of ``query`` leave, as the lists behind the tiles show it.

    Read again when ``stamp`` moved, once a second at most, and every ``KEPT_SECONDS``; everybody sees the same.
    """
    query = QueryDict() if query is None else query
    key, now = kept_address("", query), time.monotonic()
    known = _known.get(key)
    if known is None or now - known[0] > (KEPT_SECONDS if known[1] == stamp else KEPT_AT_LEAST_SECONDS):
        if len(_known) >= KEPT_MAX:
            _known.clear()
        known = _known[key] = (now, stamp, _Reader(principal, query).read())
    return known[2]


def forget_tiles() -> None:
    _known.clear()


class _Reader:
    def __init__(self, principal: Principal, query: QueryDict) -> None:
        self._principal = principal
        self._query = query
        self._owner = read_kept(query)

    def read(self) -> tuple[Tile, ...]:
        return self._health(), self._queues(), self._breakers(), self._errors()

    def _health(self) -> Tile:
        counts = status_counts(principal=self._principal, owner=self._owner)
        total = sum(counts.values())
        trend = turned_bad_hourly(owner=self._owner)
        return Tile(
            title="Checks",
            url=self._list_url("check-list", counts),
            status=_worst(counts),
            figure=f"{counts.get('healthy', 0):,} of {total:,} healthy" if total else "No check",
            note=_name(counts) or ("all checks" if total else "Nothing is looked at yet"),
            trend=draw_sparkline(trend, what="checks turned bad") if total else "",
        )

    def _queues(self) -> Tile:
        totals = queue_totals(principal=self._principal, owner=self._owner)
        minutes = describe_duration_ms(len(totals.trend) * TREND_STEP_MS)
        return Tile(
            title="Queues",
            url=self._list_url("queue-list", totals.counts),
            status=_worst(totals.counts),
            figure=f"{totals.waiting:,} waiting" if totals.total else "No queue",
            note=_name(totals.counts)
            or (f"in {_count(totals.total, 'queue')}" if totals.total else "Nothing is sampled yet"),
            trend=draw_bars(totals.trend, said=f"messages waiting over the last {minutes}") if totals.trend else "",
        )

    def _breakers(self) -> Tile:
        totals = breaker_totals(owner=self._owner)
        parts = [
            f"{count:,} {BreakerState(word).words}"
            for word in ("open", "forced_open", "half_open", "unknown")
            if (count := totals.states.get(word))
        ]
        closed = totals.states.get("closed", 0)
        calm = f"{closed:,} closed" if closed == totals.total else f"{closed:,} of {totals.total:,} closed"
        opened = sum(totals.opened_hourly)
        status = "degraded" if totals.troubled else "unknown" if totals.states.get("unknown") else "healthy"
        trouble = {"kind": "fleet", "state": TROUBLED} if totals.troubled else {}
        return Tile(
            title="Breakers",
            url=self._address("breaker-list", **trouble),
            status=status if totals.total else "paused",
            figure=parts[0] if parts else calm if totals.total else "No breaker",
            note=", ".join(parts[1:])
            or (f"{_count(opened, 'opening')} in 24\u00a0h" if totals.total else "None is reported yet"),
            trend=draw_sparkline(totals.opened_hourly, what="openings") if totals.total else "",
        )

    def _errors(self) -> Tile:
        totals = error_totals(owner=self._owner)
        is_known = bool(totals.open or any(totals.hourly))
        return Tile(
            title="Errors",
            url=self._address("error-list"),
            status="degraded" if totals.troubled else "healthy" if is_known else "paused",
            figure=f"{totals.last_hour:,} in the last hour" if is_known else "No error",
            note=f"{totals.open:,} open, {totals.new:,} new today" if is_known else "None was reported yet",
            trend=draw_sparkline(totals.hourly) if is_known else "",
        )

    def _list_url(self, name: str, counts: Mapping[str, int]) -> str:
        worst = _worst(counts)
        return self._address(name, **({"status": worst} if worst in _TROUBLE else {}))

    def _address(self, name: str, **more: str) -> str:
        return kept_address(reverse(name), self._query, **more)


def _worst(counts: Mapping[str, int]) -> str:
    for word in (*_TROUBLE, "unknown", "healthy"):
        if counts.get(word):
            return word
    return "paused"


def _name(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{counts[word]:,} {word}" for word in (*_TROUBLE, "unknown") if counts.get(word))


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"

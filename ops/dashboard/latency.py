"""The latency chart of a check: where its data lies, and the data itself."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from core.clock import to_ms
from ops.dashboard.time_range import TimeRange
from ops.health.selectors import CheckRow
from ops.health.selectors.history import latency_series

POINTS = 300


@dataclass(frozen=True, slots=True)
class Chart:
    """``url`` changes when there is something new to draw, and only then; ``size`` is ``normal`` or ``large``."""

    uid: str
    title: str
    url: str
    size: str


def place_chart(check: CheckRow, time_range: TimeRange, *, size: str = "normal") -> Chart:
    newest_ms = 0 if check.last_at is None else to_ms(check.last_at)
    stamp = min(newest_ms, time_range.until_ms) // time_range.refresh_ms
    return Chart(
        uid=check.uid,
        title=f"Latency of {check.name}",
        url=f"{reverse('check-latency', args=[check.uid])}?{time_range.query}&stamp={check.version}.{stamp}",
        size=size,
    )


def read_latency(check: CheckRow, time_range: TimeRange) -> dict[str, Any]:
    """For ``static/js/chart.js``: times in milliseconds since the epoch, None where there is a gap."""
    since_ms, until_ms = time_range.since_ms, time_range.until_ms
    series = latency_series([check.id], since_ms=since_ms, until_ms=until_ms, points=POINTS)[check.id]
    return {
        "from_ms": since_ms,
        "to_ms": until_ms,
        "step_seconds": series.step_seconds,
        "limit_ms": check.degraded_above_ms,
        "start_ms": series.start_ms,
        "p50_ms": [None if value is None else round(value, 2) for value in series.p50_ms],
        "p95_ms": [None if value is None else round(value, 2) for value in series.p95_ms],
        "failures": series.failures,
    }

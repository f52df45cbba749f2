"""The latency chart of a check."""

from collections.abc import Sequence

from django.urls import reverse

from core.clock import to_ms
from core.latency import percentiles_us
from core.templatetags.display import latency_words
from ops.dashboard.charts import Chart, ChartData, Limit, Line, Marks, Values, place_url
from ops.dashboard.time_range import TimeRange
from ops.health.selectors import CheckRow
from ops.health.selectors.history import latency_series, window_totals

POINTS = 300
SHOWN_PERCENTILES = (0.5, 0.95, 0.99)
_NOTHING_US = 2
"""Durations up to it were not measured: they are kept as zero."""


def place_chart(check: CheckRow, time_range: TimeRange, *, size: str = "normal") -> Chart:
    newest_ms = 0 if check.last_at is None else to_ms(check.last_at)
    address = reverse("check-latency", args=[check.uid])
    return Chart(
        key=check.uid,
        title=f"Latency of {check.name}",
        url=place_url(address, time_range, newest_ms=newest_ms, version=check.version),
        size=size,
    )


def read_percentiles(check_id: int, time_range: TimeRange) -> list[tuple[str, float]]:
    """Of the durations in this time, in ms; none without a result."""
    totals, _, _ = window_totals(check_id, since_ms=time_range.since_ms, until_ms=time_range.until_ms)
    found = zip(SHOWN_PERCENTILES, percentiles_us(totals.latency, *SHOWN_PERCENTILES), strict=True)
    return [(f"p{share:.0%}".rstrip("%"), us / 1_000) for share, us in found if us is not None]


def is_measured(percentiles: Sequence[tuple[str, float]]) -> bool:
    """Whether there is a latency to draw: not of pings without a start, nor of a composite."""
    return not percentiles or percentiles[-1][1] * 1_000 > _NOTHING_US


def read_latency(check: CheckRow, time_range: TimeRange) -> ChartData:
    since_ms, until_ms = time_range.since_ms, time_range.until_ms
    series = latency_series([check.id], since_ms=since_ms, until_ms=until_ms, points=POINTS)[check.id]
    limit_ms = check.degraded_above_ms
    return ChartData(
        from_ms=since_ms,
        to_ms=until_ms,
        unit="ms",
        start_ms=series.start_ms,
        lines=(Line("p50", _rounded(series.p50_ms)), Line("p95", _rounded(series.p95_ms))),
        limits=(Limit(limit_ms, f"limit {latency_words(limit_ms)}"),) if limit_ms else (),
        marks=Marks("unhealthy", series.failures),
        summary=_summarize(series.p95_ms, sum(series.failures), limit_ms),
        empty="No result in this time. Choose a longer range.",
    )


def _rounded(values: Values) -> Values:
    return [None if value is None else round(value, 2) for value in values]


def _summarize(p95_ms: Values, failures: int, limit_ms: int | None) -> str:
    highest = max((value for value in p95_ms if value is not None), default=None)
    parts = [] if highest is None else [f"highest p95 {latency_words(highest)}"]
    if limit_ms:
        parts.append(f"limit {latency_words(limit_ms)}")
    parts.append(f"{failures} unhealthy result{'' if failures == 1 else 's'}" if failures else "no unhealthy result")
    return ", ".join(parts)

"""The JSON of the history of a check."""

import datetime as dt
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from core.clock import Moment, from_ms
from ops.health.selectors.history import DayUptime, LatencySeries, StateInterval
from ops.health.totals import Totals

type StatusWord = Literal["healthy", "unknown", "degraded", "unhealthy"]
Ratio = Annotated[
    float | None, Field(ge=0, le=1, description="Time not unhealthy over time with a known status; null without any.")
]
POINTS_MAX = 1_000


class PeriodQuery(BaseModel):
    """``since`` is included, ``until`` is not; both need an offset from UTC."""

    since: Moment | None = None
    until: Moment | None = None


class SeriesQuery(PeriodQuery):
    points: Annotated[int, Field(ge=1, le=POINTS_MAX, description="At most so many.")] = 300


class UptimeQuery(BaseModel):
    days: Annotated[int, Field(ge=1, le=400)] = 90


class DayUptimeOut(BaseModel):
    day: dt.date
    ratio: Ratio
    worst: StatusWord | None = Field(description="The worst status known that day.")
    results: int
    down_seconds: int

    @classmethod
    def of(cls, day: DayUptime) -> "DayUptimeOut":
        worst = None if day.worst is None else day.worst.word
        return cls.model_validate(
            {
                "day": day.day,
                "ratio": day.ratio,
                "worst": worst,
                "results": day.results,
                "down_seconds": day.down_seconds,
            }
        )


class UptimeOut(BaseModel):
    windows: dict[Literal["1h", "24h", "7d", "30d", "90d"], Ratio]
    days: list[DayUptimeOut] = Field(description="Days of UTC, the oldest first, today's so far the last.")


class FleetUptimeOut(BaseModel):
    days: int
    uptime: dict[str, float] = Field(description="By the id of the check; without those whose status was never known.")


class PercentilesOut(BaseModel):
    """Durations of results that were healthy or degraded, in milliseconds, each off by 2 % at most."""

    since: dt.datetime
    until: dt.datetime
    results: dict[StatusWord, int]
    p50_ms: float | None
    p90_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    uptime: Ratio

    @classmethod
    def of(
        cls, totals: Totals, percentiles_us: list[float | None], *, since_ms: int, until_ms: int
    ) -> "PercentilesOut":
        p50, p90, p95, p99 = (None if found is None else round(found / 1_000, 3) for found in percentiles_us)
        healthy, unknown, degraded, unhealthy = totals.counts
        return cls(
            since=from_ms(since_ms),
            until=from_ms(until_ms),
            results={"healthy": healthy, "unknown": unknown, "degraded": degraded, "unhealthy": unhealthy},
            p50_ms=p50,
            p90_ms=p90,
            p95_ms=p95,
            p99_ms=p99,
            uptime=totals.uptime,
        )


class IntervalOut(BaseModel):
    status: StatusWord
    start: dt.datetime
    end: dt.datetime
    seconds: float


class IntervalsOut(BaseModel):
    """The whole range in order and without gaps."""

    items: list[IntervalOut]

    @classmethod
    def of(cls, intervals: list[StateInterval]) -> "IntervalsOut":
        items = [
            {
                "status": item.status.word,
                "start": from_ms(item.start_ms),
                "end": from_ms(item.end_ms),
                "seconds": (item.end_ms - item.start_ms) / 1_000,
            }
            for item in intervals
        ]
        return cls.model_validate({"items": items})


class SeriesOut(BaseModel):
    """Columns of equal length, as charts take them; a point without a duration has null."""

    step_seconds: int
    start: list[dt.datetime]
    p50_ms: list[float | None]
    p95_ms: list[float | None]
    failures: list[int]

    @classmethod
    def of(cls, series: LatencySeries) -> "SeriesOut":
        return cls(
            step_seconds=series.step_seconds,
            start=[from_ms(moment) for moment in series.start_ms],
            p50_ms=series.p50_ms,
            p95_ms=series.p95_ms,
            failures=series.failures,
        )

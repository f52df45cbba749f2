"""Charts over a time range: where the data of one lies, and what ``static/js/chart.js`` draws of it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from django.http import HttpRequest, JsonResponse

from ops.dashboard.time_range import TimeRange

type Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Chart:
    """``url`` changes when there is something new to draw, and only then; ``size`` is ``normal`` or ``large``."""

    key: str
    title: str
    url: str
    size: str = "normal"


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    values: Values


@dataclass(frozen=True, slots=True)
class Limit:
    """A dashed line at ``value``, in the colour of the status ``tone`` that begins over it."""

    value: float
    words: str
    tone: str = "degraded"


@dataclass(frozen=True, slots=True)
class Marks:
    """Counts beside ``start_ms``; one that is not 0 is marked at the foot."""

    name: str
    counts: Sequence[int]


@dataclass(frozen=True, slots=True)
class ChartData:
    """``start_ms`` are moments in milliseconds since the epoch; a value is None where there is a gap.

    The first of one or two lines is the main one, the second lies above it and the room between is tinted.
    ``summary`` says in words what is drawn; ``empty`` is shown when there is nothing to draw.
    """

    from_ms: int
    to_ms: int
    unit: Literal["ms", "s", "messages"]
    start_ms: Sequence[int]
    lines: Sequence[Line]
    summary: str
    empty: str
    limits: Sequence[Limit] = ()
    marks: Marks | None = None


def place_url(address: str, time_range: TimeRange, *, newest_ms: int, version: int) -> str:
    """The address of a chart's data, with a stamp that moves on when there is a pixel's worth of news."""
    stamp = min(newest_ms, time_range.until_ms) // time_range.refresh_ms
    return f"{address}?{time_range.query}&stamp={version}.{stamp}"


def answer_chart(request: HttpRequest, data: ChartData) -> JsonResponse:
    """The page names a new address when there is news, so an answer may be kept."""
    response = JsonResponse(asdict(data))
    response["Cache-Control"] = "private, max-age=60" if "stamp" in request.GET else "private, no-cache"
    return response

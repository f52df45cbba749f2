"""The last results of a check as bars: one each, oldest left, as tall as its duration, below the limit's line."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.templatetags.display import latency_words
from ops.health.selectors import ResultRow

RESULTS = 30
BAR, STEP, HEIGHT = 6, 8, 32
WIDTH = RESULTS * STEP - (STEP - BAR)
_LOWEST = 3.0


@dataclass(frozen=True, slots=True)
class Bar:
    """A result as a rectangle; ``outcome`` is empty where there is none yet."""

    x: int
    y: float
    height: float
    outcome: str
    title: str


@dataclass(frozen=True, slots=True)
class Strip:
    """``limit_y`` is where the line of the limit runs; None without a limit. ``summary`` is for those who listen."""

    bars: list[Bar]
    limit_y: float | None
    summary: str
    width: int = WIDTH
    height: int = HEIGHT


def draw_strip(results: Sequence[ResultRow], *, limit_ms: int | None) -> Strip:
    """``results`` are newest first, as selectors give them. An unhealthy result is drawn at full height."""
    shown = list(reversed(results[:RESULTS]))
    tallest = max((result.duration_ms for result in shown if result.outcome != "unhealthy"), default=0.0)
    full = max(tallest, (limit_ms or 0) * 1.2) or 1.0
    gap = RESULTS - len(shown)
    bars = [Bar(number * STEP, HEIGHT - _LOWEST, _LOWEST, "", "") for number in range(gap)]
    for number, result in enumerate(shown, start=gap):
        height = HEIGHT if result.outcome == "unhealthy" else max(_LOWEST, result.duration_ms / full * HEIGHT)
        height = round(min(height, HEIGHT), 1)
        title = f"{result.started_at:%H:%M:%S} UTC: {result.outcome}, {latency_words(result.duration_ms)}"
        bars.append(Bar(number * STEP, round(HEIGHT - height, 1), height, result.outcome, title))
    counts = {word: sum(result.outcome == word for result in shown) for word in ("healthy", "degraded", "unhealthy")}
    said = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    return Strip(
        bars=bars,
        limit_y=round(HEIGHT - limit_ms / full * HEIGHT, 1) if limit_ms and shown else None,
        summary=f"Last {len(shown)} results: {said}" if shown else "No result yet",
    )

"""The last results of a check as bars: one each, oldest left, as tall as its duration, below the limit's line."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

RESULTS = 30
BAR, STEP, HEIGHT = 6, 8, 32
WIDTH = RESULTS * STEP - (STEP - BAR)
_LOWEST = 3.0
_OUTCOMES = ("healthy", "degraded", "unhealthy", "unknown")


class Outcome(Protocol):
    """What a bar needs of a result."""

    @property
    def outcome(self) -> str: ...
    @property
    def duration_ms(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Bars:
    """All bars of one outcome as the path of an SVG; the outcome is ``gap`` where there is no result yet."""

    outcome: str
    path: str


@dataclass(frozen=True, slots=True)
class Strip:
    """``limit_y`` is where the line of the limit runs; None without a limit. ``summary`` is for those who listen."""

    bars: list[Bars]
    limit_y: float | None
    summary: str
    width: int = WIDTH
    height: int = HEIGHT


def draw_strip(results: Sequence[Outcome], *, limit_ms: int | None) -> Strip:
    """``results`` are newest first, as selectors give them. An unhealthy result is drawn at full height."""
    shown = list(reversed(results[:RESULTS]))
    tallest = max((result.duration_ms for result in shown if result.outcome != "unhealthy"), default=0.0)
    full = max(tallest, (limit_ms or 0) * 1.2) or 1.0
    gap = RESULTS - len(shown)
    paths: dict[str, list[str]] = {}
    if gap:
        paths["gap"] = [_bar(number, _LOWEST) for number in range(gap)]
    for number, result in enumerate(shown, start=gap):
        height = HEIGHT if result.outcome == "unhealthy" else result.duration_ms / full * HEIGHT
        paths.setdefault(result.outcome, []).append(_bar(number, min(max(_LOWEST, height), HEIGHT)))
    counts = {word: len(paths[word]) for word in _OUTCOMES if word in paths}
    said = ", ".join(f"{count} {word}" for word, count in counts.items())
    return Strip(
        bars=[Bars(outcome, "".join(bars)) for outcome, bars in paths.items()],
        limit_y=round(HEIGHT - limit_ms / full * HEIGHT, 1) if limit_ms and shown else None,
        summary=f"Last {len(shown)} results: {said}" if shown else "No result yet",
    )


def _bar(number: int, height: float) -> str:
    return f"M{number * STEP} {HEIGHT}v-{height:.1f}h{BAR}v{height:.1f}z"

"""Ninety days of a check as bars: one each, oldest left, red from the top as far as it was unhealthy."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.templatetags.display import duration_words
from ops.dashboard.strip import Bars
from ops.health.selectors.history import DayUptime
from ops.signals.domain import Status

BAR, STEP, HEIGHT = 6, 8, 28
_SHORTEST_DOWN = 7.0
_STUB = 4.0


@dataclass(frozen=True, slots=True)
class Days:
    """``texts`` tells each day in words, joined by ``|``; ``first`` is the oldest day, as an ISO date.

    ``ratio`` is the uptime over all of them, None when nothing is known.
    """

    bars: list[Bars]
    texts: str
    first: str
    last: int
    last_text: str
    ratio: float | None
    summary: str
    width: int
    height: int = HEIGHT


def draw_days(days: Sequence[DayUptime]) -> Days:
    """``days`` are oldest first, none missing."""
    paths: dict[str, list[str]] = {}
    for number, day in enumerate(days):
        for tone, top, height in _parts(day):
            paths.setdefault(tone, []).append(f"M{number * STEP} {top:g}h{BAR}v{height:g}h-{BAR}z")
    texts = [_tell(day) for day in days]
    known = [day.ratio for day in days if day.ratio is not None]
    ratio = sum(known) / len(known) if known else None
    return Days(
        bars=[Bars(tone, "".join(parts)) for tone, parts in paths.items()],
        texts="|".join(texts),
        first=days[0].day.isoformat() if days else "",
        last=max(0, len(days) - 1),
        last_text=texts[-1] if texts else "",
        ratio=ratio,
        summary="no data yet"
        if ratio is None
        else f"{ratio_words(ratio)} over {len(known)} day{'' if len(known) == 1 else 's'} with data",
        width=len(days) * STEP - (STEP - BAR),
    )


def ratio_words(ratio: float) -> str:
    """``100 %``, ``99.95 %``: never rounded up to a hundred."""
    if ratio >= 1:
        return "100 %"
    percent = min(ratio * 100, 99.99)
    return f"{percent:.2f} %" if percent >= 90 else f"{percent:.1f} %"


def _parts(day: DayUptime) -> list[tuple[str, float, float]]:
    """The bar from top to bottom as tone, top and height."""
    if day.ratio is None:
        return [("gap", HEIGHT - _STUB, _STUB)]
    tone = "degraded" if day.worst is Status.DEGRADED else "healthy"
    if day.ratio >= 1:
        return [(tone, 0, HEIGHT)]
    down = round(max(_SHORTEST_DOWN, (1 - day.ratio) * HEIGHT), 1)
    rest = round(HEIGHT - down - 1, 1)
    return [("unhealthy", 0, down if rest > 0 else HEIGHT), *([(tone, down + 1, rest)] if rest > 0 else [])]


def _tell(day: DayUptime) -> str:
    if day.ratio is None:
        return "no data"
    said = f"{ratio_words(day.ratio)} up"
    if day.down_seconds:
        return f"{said}, unhealthy for {duration_words(day.down_seconds)}"
    return f"{said}, degraded at worst" if day.worst is Status.DEGRADED else said

"""How long a check was up: ninety days as bars, oldest left, red from the top as far as it was unhealthy; figures.

A figure that rests on less than the time that it is about says on how much.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.templatetags.display import duration_words
from ops.dashboard.strip import Bars
from ops.health.selectors.history import DayUptime, WindowUptime
from ops.signals.domain import Status

BAR, STEP, HEIGHT = 6, 8, 28
_SHORTEST_DOWN = 7.0
_STUB = 4.0
_DAY_SECONDS = 86_400
_WHOLE = 0.95
"""So much of a time must be known for a figure of all of it."""


@dataclass(frozen=True, slots=True)
class Days:
    """``texts`` tells each day in words, joined by ``|``; ``first`` is the oldest day, as an ISO date.

    ``summary`` is the uptime over all of them.
    """

    bars: list[Bars]
    texts: str
    first: str
    last: int
    last_text: str
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
    return Days(
        bars=[Bars(tone, "".join(parts)) for tone, parts in paths.items()],
        texts="|".join(texts),
        first=days[0].day.isoformat() if days else "",
        last=max(0, len(days) - 1),
        last_text=texts[-1] if texts else "",
        summary=_summarise(days),
        width=len(days) * STEP - (STEP - BAR),
    )


@dataclass(frozen=True, slots=True)
class UptimeFact:
    """The uptime of one window. ``words`` are empty when the window knows nothing that the shorter one does not."""

    name: str
    words: str
    basis: str
    is_worse: bool


def tell_windows(windows: Mapping[str, WindowUptime]) -> list[UptimeFact]:
    """``windows`` are the shortest first, each within the next."""
    facts, known_ms = [], 0
    for name, window in windows.items():
        if window.ratio is None or window.known_ms == known_ms:
            facts.append(UptimeFact(name, "", "", is_worse=False))
            continue
        basis = _basis(window.known_ms / 1_000, window.span_ms / 1_000)
        facts.append(UptimeFact(name, ratio_words(window.ratio), basis, is_worse=window.ratio < 1))
        known_ms = window.known_ms
    return facts


def ratio_words(ratio: float) -> str:
    """``100 %``, ``99.95 %``: never rounded up to a hundred."""
    if ratio >= 1:
        return "100 %"
    percent = min(ratio * 100, 99.99)
    return f"{percent:.2f} %" if percent >= 90 else f"{percent:.1f} %"


def _basis(known_seconds: float, whole_seconds: float) -> str:
    return "" if known_seconds >= whole_seconds * _WHOLE else f"over {duration_words(known_seconds)}"


def _summarise(days: Sequence[DayUptime]) -> str:
    known = sum(day.known_seconds for day in days)
    if not known:
        return "no data yet"
    return f"{ratio_words(1 - sum(day.down_seconds for day in days) / known)} over {duration_words(known)}"


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
    said = " ".join(filter(None, (ratio_words(day.ratio), "up", _basis(day.known_seconds, _DAY_SECONDS))))
    if day.down_seconds:
        return f"{said}, unhealthy for {duration_words(day.down_seconds)}"
    return f"{said}, degraded at worst" if day.worst is Status.DEGRADED else said

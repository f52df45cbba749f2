"""How a check stood over a time range: a band for the eye, and its changes as a list."""

import datetime as dt
from dataclasses import dataclass, replace

from core.clock import from_ms
from core.templatetags.display import duration_words
from ops.dashboard.strip import Bars
from ops.dashboard.time_range import TimeRange
from ops.health.selectors.history import StateInterval
from ops.signals.domain import Status

WIDTH, HEIGHT = 1_000, 14
_NARROWEST = 2.0
SHOWN = 8


@dataclass(frozen=True, slots=True)
class Interval:
    """``is_open`` while it still lasts."""

    status: str
    at: dt.datetime
    duration: str
    is_open: bool


@dataclass(frozen=True, slots=True)
class Band:
    """``summary`` says the share of every status; ``intervals`` are the last ones, the newest first."""

    bars: list[Bars]
    intervals: list[Interval]
    summary: str
    width: int = WIDTH
    height: int = HEIGHT


def draw_band(found: list[StateInterval], time_range: TimeRange, *, born_ms: int = 0) -> Band:
    """What was not known before the check was there, at ``born_ms``, is a gap."""
    found = _since_birth(found, born_ms)
    span = time_range.until_ms - time_range.since_ms
    paths: dict[str, list[str]] = {}
    lasted: dict[str, int] = {}
    for item in sorted(found, key=lambda item: item.status):  # the worst is drawn last, over what is wider than true
        x = (item.start_ms - time_range.since_ms) / span * WIDTH
        width = max(_NARROWEST, (item.end_ms - item.start_ms) / span * WIDTH)
        paths.setdefault(item.status.word, []).append(f"M{x:.1f} 0h{width:.1f}v{HEIGHT}h-{width:.1f}z")
        lasted[item.status.word] = lasted.get(item.status.word, 0) + item.end_ms - item.start_ms
    return Band(
        bars=[Bars(word, "".join(parts)) for word, parts in paths.items()],
        intervals=[
            Interval(
                status=item.status.word,
                at=from_ms(item.start_ms),
                duration=duration_words((item.end_ms - item.start_ms) / 1_000),
                is_open=item is found[-1],
            )
            for item in reversed(found[-SHOWN:])
        ],
        summary=", ".join(f"{word} {duration_words(ms / 1_000)}" for word, ms in lasted.items()),
    )


def _since_birth(found: list[StateInterval], born_ms: int) -> list[StateInterval]:
    if not found or found[0].status is not Status.UNKNOWN or found[0].start_ms >= born_ms:
        return found
    first, *rest = found
    return [replace(first, start_ms=born_ms), *rest] if first.end_ms > born_ms else rest

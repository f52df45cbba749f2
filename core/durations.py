"""Durations as people write them: ``300ms``, ``30s``, ``5m``, ``48h``, ``30d``, also joined as ``1m30s``."""

import re

_UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_PART = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)(ms|s|m|h|d)")
_NUMBER = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,6})?")
_LONGEST_MS = 3650 * _UNITS_MS["d"]
_DAYS_FROM_MS = 72 * _UNITS_MS["h"]


def parse_duration_ms(value: str | float) -> int:
    """Whole milliseconds. A plain number means seconds.

    Raises ``ValueError`` for anything else, for what is negative, and for what is over ten years.
    """
    if isinstance(value, str):
        milliseconds = _parse_text(value.strip())
    elif isinstance(value, bool) or not 0 <= value < 1e12:
        milliseconds = None
    else:
        milliseconds = value * 1_000
    if milliseconds is None or milliseconds < 0:
        raise ValueError("expected a duration such as 300ms, 30s, 5m, 48h or 30d")
    if milliseconds > _LONGEST_MS:
        raise ValueError(f"expected at most {format_duration_ms(_LONGEST_MS)}")
    return round(milliseconds)


def _parse_text(text: str) -> float | None:
    if _NUMBER.fullmatch(text):
        return float(text) * 1_000
    total, position = 0.0, 0
    while part := _PART.match(text, position):
        total += float(part[1]) * _UNITS_MS[part[2]]
        position = part.end()
    return total if text and position == len(text) else None


def format_duration_ms(milliseconds: int) -> str:
    """The shortest exact form with one unit; parsing it gives the same number. Days are used from three on."""
    for unit in ("d", "h", "m", "s"):
        whole, rest = divmod(milliseconds, _UNITS_MS[unit])
        if whole and not rest and (unit != "d" or milliseconds >= _DAYS_FROM_MS):
            return f"{whole}{unit}"
    return f"{milliseconds}ms" if milliseconds else "0s"


def describe_duration_ms(milliseconds: float) -> str:
    """A rounded form for messages: ``812 ms``, ``5 s``, ``2.5 min``, ``47 h``, ``12 days``."""
    for limit, unit_ms, word in (
        (1_000, 1, "ms"),
        (120_000, 1_000, "s"),
        (7_200_000, 60_000, "min"),
        (172_800_000, 3_600_000, "h"),
    ):
        if abs(milliseconds) < limit:
            return f"{_trim(milliseconds / unit_ms)} {word}"
    return f"{_trim(milliseconds / 86_400_000)} days"


def _trim(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 10 else f"{value:.1f}".removesuffix(".0")


def spell_duration_ms(milliseconds: int) -> str:
    """The exact length in words: ``30 seconds``, ``1 minute 30 seconds``, ``2 days``."""
    left, parts = milliseconds, []
    for unit, word in (("d", "day"), ("h", "hour"), ("m", "minute"), ("s", "second"), ("ms", "millisecond")):
        count, left = divmod(left, _UNITS_MS[unit])
        if count:
            parts.append(f"{count} {word}" + ("s" if count != 1 else ""))
    return " ".join(parts) or "0 seconds"

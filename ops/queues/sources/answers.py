"""What a server answered, taken for what it is said to be or refused: no peer is trusted with a type."""

from datetime import UTC, datetime
from typing import Any

from ops.probing.probe import ProbeFailed
from ops.probing.resp import Answer, CutText

BODY_CHARACTERS = 16_384
"""Of a message that is looked at; the rest is cut."""

HEADER_CHARACTERS = 1_000
_MILLISECONDS_FROM = 100_000_000_000  # a time in seconds is below until the year 5138
_PAST_SECONDS = 10 * 366 * 86_400
_AHEAD_SECONDS = 60


def whole(answer: Answer) -> int:
    """A number that cannot be negative. Raises ``ProbeFailed``."""
    if not isinstance(answer, int) or answer < 0:
        raise ProbeFailed("receive", "the answer is not a number")
    return answer


def listed(answer: Answer) -> list[Answer]:
    """A list, empty where there is none. Raises ``ProbeFailed``."""
    if answer is None:
        return []
    if not isinstance(answer, list):
        raise ProbeFailed("receive", "the answer is not a list")
    return answer


def texts(answer: Answer) -> list[str]:
    """The texts of a list, without what is none. Raises ``ProbeFailed``."""
    return [item for item in listed(answer) if isinstance(item, str)]


def named(answer: Answer) -> dict[str, Answer]:
    """A list of names and values in turn. Raises ``ProbeFailed``."""
    items = listed(answer)
    return {str(name): value for name, value in zip(items[::2], items[1::2], strict=False)}


def size_of(text: str) -> int:
    """In bytes, as the server has it."""
    return text.size if isinstance(text, CutText) else len(text.encode(errors="surrogateescape"))


def shown(text: str, limit: int = BODY_CHARACTERS) -> str:
    """Text of a message as it may be stored and shown: cut, without what is no UTF-8, and without NUL."""
    cut = text[:limit].encode(errors="surrogateescape").decode(errors="replace")
    return cut.replace("\x00", "\ufffd")


def read_time(value: Any, *, now: float) -> float | None:
    """A moment in seconds since the epoch, of seconds, milliseconds or ISO 8601; None for what cannot be one.

    What is more than a minute ahead or ten years ago is no time of a message.
    """
    seconds: float | None = None
    if isinstance(value, str) and len(value) <= 40:
        try:
            seconds = float(value)
        except ValueError:
            seconds = read_iso_time(value)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        seconds = float(value)
    if seconds is None:
        return None
    if seconds >= _MILLISECONDS_FROM:
        seconds /= 1_000
    return seconds if now - _PAST_SECONDS <= seconds <= now + _AHEAD_SECONDS else None


def read_iso_time(value: Any) -> float | None:
    """Without a zone it is UTC."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None

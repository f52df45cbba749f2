"""What belongs together, and what becomes of it. Pure: times are passed in."""

import enum
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ops.errors.events import ErrorEvent, ExceptionValue, Frame

HOUR_MS = 3_600_000
FINGERPRINT_VERSION = 1
"""Raise it when ``fingerprint`` changes: groups of both versions then stand side by side instead of being mixed."""
_DEFAULT = re.compile(r"\{\{\s*default\s*\}\}")
_FRAMES_COUNTED = 30
# What differs from one event of the same kind to the next: ids, addresses, numbers, quoted values.
_VARYING = re.compile(
    r"""
    [0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12} | 0x[0-9a-f]+ | \b[0-9a-f]{16,}\b
    | \d+(?:\.\d+)* | '[^']*' | "[^"]*"
    """,
    re.VERBOSE | re.IGNORECASE,
)
_GENERATED_NAME = re.compile(r"[0-9a-f]{8,}|\d+|<.*?>")


class GroupState(enum.StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"
    MUTED = "muted"


@dataclass(frozen=True, slots=True)
class Grouping:
    """``title`` and ``culprit`` say in words what and where; ``digest`` is 32 hexadecimal digits."""

    digest: str
    title: str
    culprit: str


def group_event(event: ErrorEvent) -> Grouping:
    """The SDK's own fingerprint; else exception types and in-app frames; else the template of the message."""
    default = list(_default_parts(event))
    if event.fingerprint:
        own = [part for piece in event.fingerprint for part in (default if _DEFAULT.fullmatch(piece) else [piece])]
        parts = ["own", *own]
    else:
        parts = default
    digest = hashlib.blake2b("\0".join((str(FINGERPRINT_VERSION), *parts)).encode(), digest_size=16).hexdigest()
    return Grouping(digest, title_of(event), culprit_of(event))


def title_of(event: ErrorEvent) -> str:
    if event.exceptions:
        last = event.exceptions[-1]
        first_line = last.value.strip().partition("\n")[0]
        return f"{last.type}: {first_line}"[:200] if first_line else last.type
    return (event.message.strip().partition("\n")[0] or event.transaction or "An event without a message")[:200]


def culprit_of(event: ErrorEvent) -> str:
    """Where it happened: the last in-app frame, else the transaction or the logger."""
    for raised in reversed(event.exceptions):
        for frame in reversed(raised.frames):
            if frame.in_app:
                return f"{frame.module or frame.filename} in {frame.function}" if frame.function else frame.filename
    return event.transaction or event.logger


def _default_parts(event: ErrorEvent) -> Iterable[str]:
    if event.exceptions:
        yield "exception"
        for raised in event.exceptions:
            yield from _exception_parts(raised)
    elif event.template or event.message:
        yield from ("message", event.logger, _VARYING.sub("*", event.template or event.message))
    else:
        yield from ("bare", event.level, event.transaction)


def _exception_parts(raised: ExceptionValue) -> Iterable[str]:
    yield f"{raised.module}.{raised.type}"
    frames = [frame for frame in raised.frames if frame.in_app] or list(raised.frames)
    if not frames:
        yield _VARYING.sub("*", raised.value)
    previous = ""
    for frame in frames[-_FRAMES_COUNTED:]:
        place = _place(frame)
        if place != previous:  # however deep a recursion went
            yield place
        previous = place


def _place(frame: Frame) -> str:
    """Without line numbers, so that an edit elsewhere in the file does not make another group of it."""
    where = frame.module or frame.filename.replace("\\", "/").rpartition("/")[2]
    return f"{where}:{_GENERATED_NAME.sub('*', frame.function)}"


@dataclass(frozen=True, slots=True)
class Standing:
    """What a person said of a group. ``muted_until_ms`` and ``muted_per_hour``: whichever comes first ends the mute."""

    state: GroupState = GroupState.OPEN
    resolved_in: str = ""
    resolved_at_ms: int | None = None
    muted_until_ms: int | None = None
    muted_per_hour: int | None = None


class Occurrence(NamedTuple):
    """When an event happened, and in which release (empty text: none named)."""

    at_ms: int
    release: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """The standing after new events; ``is_regression`` if a resolved group came back, ``is_loud`` if a mute ended."""

    standing: Standing
    is_regression: bool = False
    is_loud: bool = False


def next_standing(
    standing: Standing,
    *,
    at_ms: int,
    occurrences: Iterable[Occurrence],
    first_seen_ms: dict[str, int],
    in_last_hour: int,
) -> Change:
    """After new events, as it is at ``at_ms``. ``first_seen_ms`` tells when each release was first seen.

    A resolved group comes back with an event of a release that is later than the one it was resolved in; an event of
    that release or of an earlier one is a late report of what is solved. Without a release every event counts that
    happened after the resolve: older ones may come long after it, from a spool or from an SDK that was offline.
    """
    if standing.state is GroupState.RESOLVED:
        after = standing.resolved_at_ms or 0
        if any(_is_later(seen.release, standing, first_seen_ms) for seen in occurrences if seen.at_ms > after):
            return Change(Standing(), is_regression=True)
        return Change(standing)
    if standing.state is GroupState.MUTED:
        over = standing.muted_until_ms is not None and at_ms >= standing.muted_until_ms
        flood = standing.muted_per_hour is not None and in_last_hour >= standing.muted_per_hour
        if over or flood:
            return Change(Standing(), is_loud=True)
    return Change(standing)


def _is_later(release: str, standing: Standing, first_seen_ms: dict[str, int]) -> bool:
    if not standing.resolved_in or not release:
        return True
    if release == standing.resolved_in:
        return False
    return first_seen_ms.get(release, 0) > first_seen_ms.get(standing.resolved_in, 0)


class Trouble(enum.StrEnum):
    """Why an open group makes its entity degraded; never more, because errors alone do not tell that nothing works."""

    REGRESSION = "regression"
    NEW = "new"
    SURGE = "surge"


TROUBLING_LEVELS = ("error", "fatal")
REGRESSION_COUNTS_MS = 24 * HOUR_MS
"""So long after its last event a regression still counts."""
NEW_COUNTS_MS = HOUR_MS
NEW_EVENTS = 5
SURGE_EVENTS = 20
SURGE_TIMES = 5
"""A surge has this many times the events of a usual hour."""
PAST_HOURS = 24
"""What is usual is the mean of so many hours before the last one, or of as many as the group exists."""


@dataclass(frozen=True, slots=True)
class Activity:
    """What a group did. ``hours`` are its events by clock hour, the running one last, ``PAST_HOURS + 2`` of them."""

    level: str
    events: int
    first_seen_ms: int
    last_seen_ms: int
    regressed_at_ms: int | None
    hours: Sequence[int]

    def in_last_hour(self, now_ms: int) -> int:
        return events_in_last_hour(self.hours, now_ms)

    def usual_per_hour(self, now_ms: int) -> float:
        """Events of a mean hour of its past, the last hour left out."""
        exists = (now_ms - HOUR_MS - self.first_seen_ms) / HOUR_MS
        counted = len(self.hours) - 2 + now_ms % HOUR_MS / HOUR_MS
        return (sum(self.hours) - self.in_last_hour(now_ms)) / max(1, min(exists, counted))


def events_in_last_hour(hours: Sequence[int], now_ms: int) -> int:
    """Of the clock hour before the running one only the part that is less than an hour ago, as if spread evenly."""
    return hours[-1] + round(hours[-2] * (1 - now_ms % HOUR_MS / HOUR_MS))


def trouble_of(activity: Activity, now_ms: int) -> Trouble | None:
    """Of an open group: it came back, it is new and more than a blink, or it has far more events than usual."""
    if activity.level not in TROUBLING_LEVELS:
        return None
    if activity.regressed_at_ms is not None and activity.last_seen_ms > now_ms - REGRESSION_COUNTS_MS:
        return Trouble.REGRESSION
    if activity.first_seen_ms > now_ms - NEW_COUNTS_MS:
        return Trouble.NEW if activity.events >= NEW_EVENTS else None
    recent = activity.in_last_hour(now_ms)
    if recent >= SURGE_EVENTS and recent >= SURGE_TIMES * activity.usual_per_hour(now_ms):
        return Trouble.SURGE
    return None


def describe_trouble(title: str, trouble: Trouble, activity: Activity, now_ms: int) -> str:
    """Such as ``ValueError: bad amount, 42 events in the last hour (new)``."""
    recent = activity.in_last_hour(now_ms)
    said = {
        Trouble.REGRESSION: "came back",
        Trouble.NEW: "new",
        Trouble.SURGE: f"usually {activity.usual_per_hour(now_ms):.0f}",
    }
    return f"{title[:120]}, {recent:,} event{'' if recent == 1 else 's'} in the last hour ({said[trouble]})"

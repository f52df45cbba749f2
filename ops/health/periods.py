"""The stretch of time that a reader asks for, checked against what is kept."""

import datetime as dt
from dataclasses import dataclass

from core.clock import from_ms, to_ms
from core.durations import format_duration_ms
from core.errors import FieldError, ValidationFailed


@dataclass(frozen=True, slots=True)
class Period:
    """From ``since_ms`` up to, not including, ``until_ms``."""

    since_ms: int
    until_ms: int


def parse_period(
    since: dt.datetime | None,
    until: dt.datetime | None,
    *,
    now_ms: int,
    default_ms: int,
    kept_ms: int | None,
    whole: bool = True,
) -> Period:
    """Up to now unless ``until`` says otherwise, ``default_ms`` long unless ``since`` does.

    Raises ``ValidationFailed`` for one that ends before it begins or has not begun, and for one of which nothing is
    kept; with ``whole`` also when its beginning is not. ``kept_ms`` of None is for ever.
    """
    until_ms = now_ms if until is None else min(to_ms(until), now_ms)
    since_ms = until_ms - default_ms if since is None else to_ms(since)
    if until is not None and since is not None and since >= until:
        raise _refused("until", "must be after `since`")
    if since_ms >= now_ms:
        raise _refused("since", "lies in the future")
    if kept_ms is None:
        return Period(since_ms, until_ms)
    oldest = now_ms - kept_ms
    beyond = f"lies beyond what is kept: {format_duration_ms(kept_ms)}, since {from_ms(oldest):%Y-%m-%dT%H:%M:%SZ}"
    if until_ms <= oldest:
        raise _refused("until", beyond)
    if since_ms < oldest and since is None:
        since_ms = oldest
    # A minute's grace: "the last 400 days" was true when the reader sent it.
    if whole and since_ms < oldest - 60_000:
        raise _refused("since", beyond)
    return Period(since_ms, until_ms)


def _refused(field: str, message: str) -> ValidationFailed:
    return ValidationFailed("The range is not valid", errors=(FieldError(field, message),))

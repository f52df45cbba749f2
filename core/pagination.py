"""Cursor pagination: a page continues after the last row that was seen, so inserts cannot shift it.

Cursors are opaque and signed: one that was altered, or made for another list or sort, is refused.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.signing import BadSignature, dumps, loads
from django.db.models import Model, Q, QuerySet

from core.errors import FieldError, ValidationFailed

CURSOR_MAX_LENGTH = 1000


@dataclass(frozen=True, slots=True)
class Page[T]:
    """``next_cursor`` is None on the last page."""

    items: tuple[T, ...]
    next_cursor: str | None

    @property
    def has_more(self) -> bool:
        return self.next_cursor is not None


@dataclass(frozen=True, slots=True)
class SortKey:
    """One column of an order. The last key of an order must be unique and none may be null."""

    field: str
    descending: bool = False


def encode_cursor(position: Sequence[Any], *, purpose: str) -> str:
    """``position`` holds the JSON values of the sort keys of the last row that was seen."""
    return dumps(list(position), salt=f"cursor:{purpose}", compress=False)


def decode_cursor(cursor: str, *, purpose: str) -> list[Any]:
    """Raises ``ValidationFailed`` unless ``encode_cursor`` made the cursor for the same purpose."""
    try:
        if len(cursor) > CURSOR_MAX_LENGTH:
            raise BadSignature
        position: list[Any] = loads(cursor, salt=f"cursor:{purpose}")
    except (BadSignature, ValueError):
        raise ValidationFailed(
            "The cursor is not valid here", errors=(FieldError("cursor", "use next_cursor as it was given"),)
        ) from None
    return position


def seek[M: Model](rows: QuerySet[M], keys: Sequence[SortKey], position: Sequence[Any] | None) -> QuerySet[M]:
    """``rows`` in the order of ``keys``, from after ``position`` on."""
    ordered = rows.order_by(*(f"-{key.field}" if key.descending else key.field for key in keys))
    if position is None:
        return ordered
    after = Q(pk__in=[])
    for depth, (key, value) in enumerate(zip(keys, position, strict=True)):
        before = Q(**{earlier.field: position[index] for index, earlier in enumerate(keys[:depth])})
        after |= before & Q(**{f"{key.field}__{'lt' if key.descending else 'gt'}": value})
    return ordered.filter(after)


def cut_page[T](rows: Sequence[T], *, limit: int, purpose: str, position_of: Callable[[T], Sequence[Any]]) -> Page[T]:
    """The page of the first ``limit`` rows. Read ``limit + 1``: the extra row tells that there is more."""
    items = tuple(rows[:limit])
    more = len(rows) > limit
    return Page(items, encode_cursor(position_of(items[-1]), purpose=purpose) if more else None)

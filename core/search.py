"""Finding rows by what people type, alike in every list and in the search over all of them.

Each word must be in one of the fields, whatever its case (SQLite folds ASCII alone).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, Count, IntegerField, Q, QuerySet, Value, When, Window

TEXT_MAX = 100
WORDS_MAX = 6
"""Words that are looked for one by one; the last takes the rest, so that no text makes a query of a hundred parts."""


@dataclass(frozen=True, slots=True)
class Hit:
    """What was found. ``status`` is the word of its status, or of its state where it has no status; ``note`` says more
    of it, and may be where the words were found."""

    uid: str
    name: str
    entity_name: str
    status: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Hits:
    """The nearest ones, and how many there are in all."""

    items: tuple[Hit, ...]
    total: int


def words_of(text: str) -> list[str]:
    return text.strip().split(maxsplit=WORDS_MAX - 1)


def holds_word(text: str, words: Sequence[str]) -> bool:
    return any(word.lower() in text.lower() for word in words)


def holds_words(text: str, words: Sequence[str]) -> bool:
    """As ``matching``, of what is no row."""
    return all(word.lower() in text.lower() for word in words)


def nearness(name: str, words: Sequence[str]) -> int:
    """As ``nearest`` orders, of what is no row."""
    name, looked_for = name.lower(), [word.lower() for word in words]
    places = (name in looked_for, name.startswith(tuple(looked_for)), any(word in name for word in looked_for))
    return next((place for place, holds in enumerate(places) if holds), len(places))


def matching(text: str, *fields: str) -> Q:
    """Rows of which each word of ``text`` is in one of ``fields``; all rows for a text without a word."""
    found = Q()
    for word in words_of(text):
        found &= _any_of((f"{field}__icontains", word) for field in fields)
    return found


def nearest(
    rows: QuerySet[Any], text: str, *columns: str, name: str = "name", order: Sequence[str], limit: int
) -> tuple[list[Any], int]:
    """``columns`` of the first of ``rows``, and how many rows there are.

    ``order`` may name ``nearness``: first the rows whose ``name`` is one of the words, then those where it begins with
    one, those where it holds one, and the rest.
    """
    words = words_of(text)
    places = [
        When(_any_of((f"{name}__{lookup}", word) for word in words), then=Value(place))
        for place, lookup in enumerate(("iexact", "istartswith", "icontains"))
    ]
    nearness = Case(*places, default=Value(len(places)), output_field=IntegerField())
    ordered = rows.annotate(nearness=nearness, matches=Window(Count("*"))).order_by(*order)
    found: list[Any] = list(ordered.values_list(*columns, "matches", named=True)[:limit])
    return found, found[0].matches if found else 0


def _any_of(conditions: Iterable[tuple[str, str]]) -> Q:
    found = Q()
    for condition in conditions:
        found |= Q(condition)
    return found

"""What lists on pages share: what the address says of them, their filter bar, columns and pages."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.utils.safestring import SafeString

from core.errors import ValidationFailed
from core.pagination import Page

MAX_OPTIONS = 60
"""A filter with more values than this is left to the search."""

type Header = tuple[str, str, str]
"""Of a column: what the address calls the order by it, empty where there is none; its title; its classes."""


@dataclass(frozen=True, slots=True)
class Column:
    title: str
    css: str
    url: str
    direction: str


@dataclass(frozen=True, slots=True)
class StatusChoice:
    word: str
    count: int


@dataclass(frozen=True, slots=True)
class Choice:
    name: str
    title: str
    value: str
    options: Sequence[str]


@dataclass(frozen=True, slots=True)
class Misread:
    """A filter that says nothing which a list could follow.

    ``why`` is a sentence; at ``clear_url`` is the same list without the filter.
    """

    why: str
    clear_url: str


@dataclass(frozen=True, slots=True)
class Filters:
    """The state of the filter bar; ``total`` counts what passes all filters but the status.

    ``what`` are the things that are filtered, ``word`` is what the address calls the status, ``usual`` the one that a
    list shows when nothing is said. Nothing passes while any of them is ``misread``.
    """

    q: str
    status: str
    total: int
    statuses: list[StatusChoice]
    choices: list[Choice]
    clear_url: str
    what: str
    word: str = "status"
    usual: str = ""
    misread: Sequence[Misread] = ()

    @property
    def is_set(self) -> bool:
        return bool(self.q or self.is_chosen or self.misread)

    @property
    def is_chosen(self) -> bool:
        """By anything but a text."""
        return self.status != self.usual or any(choice.value for choice in self.choices)

    @property
    def is_narrowed(self) -> bool:
        """By more than the status."""
        return bool(self.q or any(choice.value for choice in self.choices) or self.misread)


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of a table, for ``components/_list.html``."""

    caption: str
    rows: SafeString
    columns: Sequence[Column]
    next_url: str
    first_url: str
    is_later: bool
    css: str = ""


def plain(query: QueryDict, name: str) -> str:
    value = query.get(name, "")
    return "" if "\0" in value else value


def address(query: QueryDict, path: str, **changes: str | None) -> str:
    changed = query.copy()
    changed.pop("stamp", None)
    for name, value in changes.items():
        if value is None:
            changed.pop(name, None)
        else:
            changed[name] = value
    encoded = changed.urlencode()
    return f"{path}?{encoded}" if encoded else path


def choose(name: str, title: str, value: str, options: Sequence[str]) -> Choice | None:
    """A filter; None where there is nothing to choose."""
    if value:
        return Choice(name, title, value, options if value in options else [*options, value])
    return Choice(name, title, value, options) if 1 < len(options) <= MAX_OPTIONS else None


def offer(*choices: Choice | None) -> list[Choice]:
    return [choice for choice in choices if choice is not None]


def read_page[Row](query: QueryDict, read: Callable[[str | None], Page[Row]]) -> tuple[Page[Row], bool]:
    """The page that the address names, and whether it is a later one; the first for a cursor that cannot be read."""
    cursor = query.get("cursor") or None
    if cursor is not None:
        try:
            return read(cursor), True
        except ValidationFailed:
            pass
    return read(None), False


def sorted_columns(headers: Iterable[Header], query: QueryDict, path: str, *, current: str, usual: str) -> list[Column]:
    """The columns of a list whose orders have one direction; ``usual`` is the order when nothing is said."""

    def url(name: str) -> str:
        return address(query, path, sort=None if name == usual else name, cursor=None) if name else ""

    return [Column(title, css, url(name), "down" if name and name == current else "") for name, title, css in headers]


def place_page(
    query: QueryDict,
    path: str,
    *,
    caption: str,
    page: Page[Any],
    is_later: bool,
    rows: SafeString,
    columns: Sequence[Column],
    css: str = "",
) -> ListPage:
    return ListPage(
        caption=caption,
        rows=rows,
        columns=columns,
        next_url=address(query, path, cursor=page.next_cursor) if page.next_cursor else "",
        first_url=address(query, path, cursor=None),
        is_later=is_later,
        css=css,
    )

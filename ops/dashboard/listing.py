"""The list of entities on pages: filters, order and page, all of it read from the address."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from entities.filters import EntityFilter, narrowed
from entities.models import Entity
from entities.status import UNKNOWN, EntityStatus

PAGE_SIZE = 100
MAX_OPTIONS = 60
"""A filter with more values than this is left to the search."""

SEVERITY = {"unhealthy": 6, "degraded": 5, "impacted": 4, "unknown": 3, "maintenance": 2, "paused": 1, "healthy": 0}
"""What sorts first in lists; every word of the vocabulary."""

_COLUMNS = (
    ("status", "Status", ""),
    ("name", "Entity", ""),
    ("", "Reason", "wide"),
    ("since", "For", "num"),
    ("team", "Team", "wide"),
    ("kind", "Kind", "wide"),
    ("tier", "Tier", "num wide"),
)
_NEVER = dt.datetime.min.replace(tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Row:
    """An entity in a list. ``reason`` says in words why it is not healthy."""

    uid: str
    name: str
    team: str | None
    kind: str
    tier: int
    status: str
    since: dt.datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class Column:
    title: str
    css: str
    url: str
    direction: str


@dataclass(frozen=True, slots=True)
class Group:
    """The cells of one team in the matrix."""

    title: str
    cells: list[Row]


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of the table (``rows``), or all of the matrix (``groups``)."""

    rows: list[Row]
    groups: list[Group]
    columns: list[Column]
    total: int
    first: int
    last: int
    previous_url: str
    next_url: str
    is_matrix: bool
    table_url: str
    matrix_url: str


@dataclass(frozen=True, slots=True)
class StatusChoice:
    word: str
    count: int


@dataclass(frozen=True, slots=True)
class Choice:
    name: str
    title: str
    value: str
    options: list[str]


@dataclass(frozen=True, slots=True)
class Filters:
    """The state of the filter bar; ``total`` counts what passes all filters but the status."""

    q: str
    status: str
    total: int
    statuses: list[StatusChoice]
    choices: list[Choice]
    clear_url: str

    @property
    def is_set(self) -> bool:
        return bool(self.q or self.status or any(choice.value for choice in self.choices))


def list_entities(query: QueryDict, *, path: str, statuses: Mapping[int, EntityStatus]) -> tuple[Filters, Listing]:
    """The filter bar and one page of the entities that pass; what the address says wrongly counts as not said."""
    found = narrowed(Entity.objects.order_by(), parse_filter(query)).values_list(
        "id", "uid", "name", "team__name", "kind", "tier", named=True
    )
    rows = [_row(item, statuses.get(item.id, UNKNOWN)) for item in found]
    filters = _filters(query, path=path, rows=rows)
    if filters.status:
        rows = [row for row in rows if row.status == filters.status]
    return filters, _listing(query, path=path, rows=rows)


def parse_filter(query: QueryDict) -> EntityFilter:
    """Everything but the status, which depends on the moment."""
    key, colon, value = query.get("label", "").partition(":")
    return EntityFilter(
        kind=plain(query, "kind") or None,
        team=plain(query, "team") or None,
        environment=plain(query, "environment") or None,
        labels={key: value} if colon and key and "\0" not in key + value else {},
        q=plain(query, "q")[:100].strip(),
    )


def plain(query: QueryDict, name: str) -> str:
    value = query.get(name, "")
    return "" if "\0" in value else value


def explain(status: EntityStatus) -> str:
    """Why an entity is not healthy, on one line."""
    if status.status == "impacted":
        return f"needs {', '.join(status.caused_by)}"
    if status.reasons:
        first = status.reasons[0]
        more = f" (and {len(status.reasons) - 1} more)" if len(status.reasons) > 1 else ""
        return f"{first.check}: {first.message}{more}" if first.message else first.check + more
    return "no check yet" if status.status == "unknown" else ""


def _row(item: Any, status: EntityStatus) -> Row:
    return Row(
        uid=item.uid,
        name=item.name,
        team=item.team__name,
        kind=item.kind,
        tier=item.tier,
        status=status.status,
        since=status.since,
        reason=explain(status),
    )


def _filters(query: QueryDict, *, path: str, rows: list[Row]) -> Filters:
    counts = Counter(row.status for row in rows)
    status = plain(query, "status")
    status = status if status in SEVERITY else ""
    words = [word for word in SEVERITY if counts[word] or word == status]
    narrow = parse_filter(query)
    teams = Entity.objects.exclude(team=None).order_by("team__name").values_list("team__name", flat=True).distinct()
    environments = Entity.objects.order_by("environment").values_list("environment", flat=True).distinct()
    kinds = Entity.objects.order_by("kind").values_list("kind", flat=True).distinct()
    labels = sorted(
        {
            f"{key}:{value}"
            for found in Entity.objects.exclude(labels={}).order_by().values_list("labels", flat=True)
            for key, value in found.items()
        }
    )
    label = next((f"{key}:{value}" for key, value in narrow.labels.items()), "")
    offered = (
        _choice("team", "Team", narrow.team or "", list(teams)),
        _choice("environment", "Environment", narrow.environment or "", list(environments)),
        _choice("kind", "Kind", narrow.kind or "", list(kinds)),
        _choice("label", "Label", label, labels),
    )
    return Filters(
        q=narrow.q,
        status=status,
        total=len(rows),
        statuses=[StatusChoice(word, counts[word]) for word in words],
        choices=[choice for choice in offered if choice is not None],
        clear_url=path,
    )


def _choice(name: str, title: str, value: str, options: list[str]) -> Choice | None:
    """None where there is nothing to choose."""
    if value:
        return Choice(name, title, value, options if value in options else [*options, value])
    return Choice(name, title, value, options) if 1 < len(options) <= MAX_OPTIONS else None


def _listing(query: QueryDict, *, path: str, rows: list[Row]) -> Listing:
    sort = query.get("sort", "status")
    column = sort.removeprefix("-")
    if column not in {name for name, _, _ in _COLUMNS if name}:
        sort = column = "status"
    _order(rows, column, descending=sort.startswith("-"))
    pages = max(1, -(-len(rows) // PAGE_SIZE))
    page = query.get("page", "1")
    number = min(int(page), pages) if page.isascii() and page.isdigit() and len(page) < 8 and int(page) else 1
    start = (number - 1) * PAGE_SIZE
    shown = rows[start : start + PAGE_SIZE]
    is_matrix = query.get("view") == "matrix"
    return Listing(
        rows=shown,
        groups=_groups(rows) if is_matrix else [],
        columns=[
            Column(
                title,
                css,
                address(query, path, sort=f"-{name}" if sort == name else name, page=None) if name else "",
                ("down" if sort.startswith("-") else "up") if name and name == column else "",
            )
            for name, title, css in _COLUMNS
        ],
        total=len(rows),
        first=start + 1,
        last=start + len(shown),
        previous_url=address(query, path, page=str(number - 1)) if number > 1 else "",
        next_url=address(query, path, page=str(number + 1)) if number < pages else "",
        is_matrix=is_matrix,
        table_url=address(query, path, view=None, page=None),
        matrix_url=address(query, path, view="matrix", page=None),
    )


def _groups(rows: list[Row]) -> list[Group]:
    teams: dict[str, list[Row]] = {}
    for row in rows:
        teams.setdefault(row.team or "", []).append(row)
    return [Group(team or "No team", teams[team]) for team in sorted(teams, key=lambda team: (not team, team))]


def _order(rows: list[Row], column: str, *, descending: bool) -> None:
    """In place; the worst status, the longest time and the first name come first, ties by severity, tier, name."""
    rows.sort(key=lambda row: (-SEVERITY[row.status], row.tier, row.since or _NEVER, row.name))
    match column:
        case "status":
            if descending:
                rows.sort(key=lambda row: SEVERITY[row.status])
        case "since":
            rows.sort(key=lambda row: (row.since is None, row.since or _NEVER), reverse=descending)
        case _:
            rows.sort(key=lambda row: str(getattr(row, column) or "~"), reverse=descending)


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

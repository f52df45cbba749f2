"""The list of entities on pages: filters, order and page, all of it read from the address."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from django.http import QueryDict
from django.urls import reverse
from django.utils.safestring import SafeString

from entities.filters import EntityFilter, narrowed
from entities.models import Entity
from ops.dashboard.kept_filters import kept_choices, read_kept
from ops.dashboard.lists import Column, Filters, Misread, StatusChoice, address, choose, offer, plain
from ops.dashboard.misread import find_misread
from ops.dashboard.rows import Row, entity_row, join_rows, matrix_cell
from ops.dashboard.severity import SEVERITY
from ops.dashboard.standing import Fleet

PAGE_SIZE = 100
MAX_CELLS = 1_000
"""Cells of the matrix at most: a page stays under 200 kB."""
MAX_NAMED = 120
"""Up to so many entities their cells are wide enough for names."""

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
class Group:
    """The cells of one team in the matrix; ``count`` includes the ``left_out``, which have none."""

    title: str
    count: int
    cells: SafeString
    left_out: int


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of the table (``rows``, drawn in ``table``), or the matrix (``groups``) without ``left_out`` cells."""

    rows: Sequence[Row]
    table: SafeString
    groups: list[Group]
    left_out: int
    columns: list[Column]
    total: int
    first: int
    last: int
    previous_url: str
    next_url: str
    is_matrix: bool
    table_url: str
    matrix_url: str


def list_entities(query: QueryDict, *, path: str, fleet: Fleet) -> tuple[Filters, Listing]:
    """The filter bar and one page of the entities that pass.

    An order or a place that the address says wrongly counts as not said.
    """
    misread = find_misread(query, path, {"status": SEVERITY})
    narrow = replace(parse_filter(query), is_void=bool(misread))
    rows = narrow_rows(fleet, narrow)
    counts = fleet.counts if rows is fleet.rows else Counter(row.status for row in rows)
    filters = _filters(query, narrow, path=path, counts=counts, options=fleet.options, misread=misread)
    if filters.status:
        rows = [row for row in rows if row.status == filters.status]
    return filters, _listing(query, path=path, rows=rows)


def narrow_rows(fleet: Fleet, narrow: EntityFilter) -> Sequence[Row]:
    """Of all entities those that pass; only what people type is looked for in the database."""
    rows = fleet.rows
    passing = fleet.passing(narrow)
    if passing is not None:
        rows = [row for row in rows if row.id in passing]
    if narrow.q:
        found = set(narrowed(Entity.objects.order_by(), EntityFilter(q=narrow.q)).values_list("id", flat=True))
        rows = [row for row in rows if row.id in found]
    return rows


def parse_filter(query: QueryDict) -> EntityFilter:
    """Everything but the status, which depends on the moment."""
    return replace(read_kept(query), kind=plain(query, "kind") or None, q=plain(query, "q")[:100].strip())


def _filters(
    query: QueryDict,
    narrow: EntityFilter,
    *,
    path: str,
    counts: Mapping[str, int],
    options: Mapping[str, Sequence[str]],
    misread: Sequence[Misread],
) -> Filters:
    status = "" if misread else plain(query, "status")
    words = [word for word in SEVERITY if counts.get(word) or word == status]
    team, environment, label = kept_choices(narrow, options)
    choices = offer(team, environment, choose("kind", "Kind", narrow.kind or "", options["kind"]), label)
    return Filters(
        q=narrow.q,
        status=status,
        total=sum(counts.values()),
        statuses=[StatusChoice(word, counts.get(word, 0)) for word in words],
        choices=choices,
        clear_url=path,
        what="entities",
        misread=misread,
    )


def _listing(query: QueryDict, *, path: str, rows: Sequence[Row]) -> Listing:
    sort = query.get("sort", "status")
    column = sort.removeprefix("-")
    if column not in {name for name, _, _ in _COLUMNS if name}:
        sort = column = "status"
    rows = _ordered(rows, column, descending=sort.startswith("-"))
    pages = max(1, -(-len(rows) // PAGE_SIZE))
    page = query.get("page", "1")
    number = min(int(page), pages) if page.isascii() and page.isdigit() and len(page) < 8 and int(page) else 1
    start = (number - 1) * PAGE_SIZE
    shown = rows[start : start + PAGE_SIZE]
    is_matrix = query.get("view") == "matrix"
    base = reverse("entity-list")
    return Listing(
        rows=shown,
        table=join_rows([] if is_matrix else (entity_row(row, f"{base}/{row.name}") for row in shown)),
        groups=_groups(rows, base) if is_matrix else [],
        left_out=max(0, len(rows) - MAX_CELLS) if is_matrix else 0,
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


def _groups(rows: Sequence[Row], base: str) -> list[Group]:
    """By team; with the rows worst first, what is left out is what is best."""
    counts = Counter(row.team or "" for row in rows)
    cells: dict[str, list[str]] = {team: [] for team in counts}
    named = len(rows) <= MAX_NAMED
    for row in rows[:MAX_CELLS]:
        cells[row.team or ""].append(matrix_cell(row, f"{base}/{row.name}", named=named))
    teams = sorted(counts, key=lambda team: (not team, team))
    return [
        Group(team or "No team", counts[team], join_rows(cells[team]), counts[team] - len(cells[team]))
        for team in teams
    ]


def _ordered(rows: Sequence[Row], column: str, *, descending: bool) -> Sequence[Row]:
    """``rows`` come worst first, and stay so within ties."""
    match column:
        case "status":
            return sorted(rows, key=lambda row: SEVERITY[row.status]) if descending else rows
        case "since":
            return sorted(rows, key=lambda row: (row.since is None, row.since or _NEVER), reverse=descending)
        case _:
            return sorted(rows, key=lambda row: str(getattr(row, column) or "~"), reverse=descending)

"""The list of checks on its page, read from the address."""

from dataclasses import replace
from functools import partial
from typing import Any

from django.http import QueryDict

from core.errors import ValidationFailed
from core.pagination import Page
from core.permissions import Principal
from entities.filters import EntityFilter
from ops.dashboard.kept_filters import kept_choices, read_kept
from ops.dashboard.lists import Column, Filters, StatusChoice, address, choose, offer, place_page, plain, read_page
from ops.dashboard.misread import find_misread
from ops.dashboard.rows import check_row, join_rows
from ops.dashboard.severity import SEVERITY
from ops.health.models import Check
from ops.health.selectors import CheckRow, check_rows, effective, status_counts

PAGE_SIZE = 100

_COLUMNS = (
    ("status", "Status", ""),
    ("entity", "Check", ""),
    ("", "Reason", "wide"),
    ("since", "For", "num"),
    ("duration", "Took", "num wide"),
    ("", "Every", "num wide"),
    ("kind", "Kind", "wide"),
    ("last", "Last result", "num wide"),
)


def list_checks(query: QueryDict, *, path: str, principal: Principal) -> dict[str, Any]:
    """The context of the page; an order or a place that the address says wrongly counts as not said."""
    misread = find_misread(query, path, {"status": effective.SEVERITIES})
    owner = read_kept(query, is_void=bool(misread))
    narrow = {name: plain(query, name) for name in ("kind", "q")}
    status = "" if misread else plain(query, "status")
    sort = query.get("sort", "status")

    def read(sort: str, cursor: str | None) -> Page[CheckRow]:
        return check_rows(
            principal=principal,
            owner=owner,
            kind=narrow["kind"],
            q=narrow["q"],
            status=status,
            sort=sort,
            cursor=cursor,
            limit=PAGE_SIZE,
        )

    try:
        page, is_later = read_page(query, partial(read, sort))
    except ValidationFailed:
        sort = "status"
        page, is_later = read_page(query, partial(read, sort))
    columns = [
        Column(
            title,
            css,
            address(query, path, sort=f"-{name}" if sort == name else name, cursor=None) if name else "",
            ("down" if sort.startswith("-") else "up") if name and name == sort.removeprefix("-") else "",
        )
        for name, title, css in _COLUMNS
    ]
    rows = join_rows(check_row(check, f"{path}/{check.uid}") for check in page.items)
    return {
        "checks": page.items,
        "list": place_page(query, path, caption="Checks", page=page, is_later=is_later, rows=rows, columns=columns),
        "filters": replace(_filters(narrow, owner, principal=principal, status=status, path=path), misread=misread),
    }


def _filters(narrow: dict[str, str], owner: EntityFilter, *, principal: Principal, status: str, path: str) -> Filters:
    counts = status_counts(principal=principal, owner=owner, **narrow)
    kinds = list(Check.objects.order_by("kind").values_list("kind", flat=True).distinct())
    team, environment, label = kept_choices(owner)
    return Filters(
        q=narrow["q"],
        status=status,
        total=sum(counts.values()),
        statuses=[StatusChoice(word, counts.get(word, 0)) for word in SEVERITY if counts.get(word) or word == status],
        choices=offer(team, environment, choose("kind", "Kind", narrow["kind"], kinds), label),
        clear_url=path,
        what="checks",
    )

"""The list of error groups on its page, read from the address."""

from dataclasses import replace
from html import escape
from typing import Any, cast

from django.http import QueryDict
from django.urls import reverse

from core.clock import now_ms, to_ms
from core.errors import NotFound
from core.pagination import Page
from core.permissions import Principal
from core.templatetags.display import ago
from entities.filters import EntityFilter
from ops.dashboard.kept_filters import kept_choices, read_kept
from ops.dashboard.lists import Filters, StatusChoice, choose, offer, place_page, plain, read_page, sorted_columns
from ops.dashboard.misread import find_misread
from ops.dashboard.rows import join_rows
from ops.dashboard.sparkline import draw_sparkline
from ops.errors.selectors import GroupRow, Sort, group_names, group_rows, state_counts

PAGE_SIZE = 50
STATES = ("open", "muted", "resolved")
LEVELS = ("fatal", "error", "warning", "info", "debug")
DEFAULT_SORT = "recent"
_DAY_MS = 86_400_000
_COLUMNS = (
    ("", "Error", ""),
    ("", "Entity", "wide"),
    ("", "Last 24 hours", "wide"),
    ("volume", "Events", "num"),
    ("", "Users", "num wide"),
    ("first_seen", "First seen", "num wide"),
    ("recent", "Last seen", "num"),
)


def list_errors(query: QueryDict, *, path: str, principal: Principal) -> dict[str, Any]:
    """The context of the page; an order or a place that the address says wrongly counts as not said.

    Without a state: the open groups.
    """
    misread = find_misread(query, path, {"state": (*STATES, "all"), "level": LEVELS})
    narrow = {name: plain(query, name)[:200] for name in ("entity", "release", "level", "q")}
    narrow["q"] = narrow["q"][:100].strip()
    state = "open" if misread else plain(query, "state") or "open"
    sort = query.get("sort", DEFAULT_SORT)
    sort = sort if sort in {name for name, _, _ in _COLUMNS if name} else DEFAULT_SORT
    owner = read_kept(query, is_void=bool(misread))
    filters: dict[str, Any] = {
        "owner": owner, "entity_ref": narrow["entity"], **{name: narrow[name] for name in ("release", "level", "q")},
    }  # fmt: skip

    def read(cursor: str | None) -> Page[GroupRow]:
        wanted = None if state == "all" else state
        return group_rows(
            principal=principal, state=wanted, sort=cast("Sort", sort), cursor=cursor, limit=PAGE_SIZE, **filters
        )

    try:
        page, is_later = read_page(query, read)
        counts = state_counts(principal=principal, **filters)
    except NotFound:  # of an entity that is gone, nothing is there
        page, is_later, counts = Page((), None), False, {}
    return {
        "groups": page.items,
        "list": place_page(
            query,
            path,
            caption="Errors",
            page=page,
            is_later=is_later,
            rows=join_rows(error_row(group) for group in page.items),
            columns=sorted_columns(_COLUMNS, query, path, current=sort, usual=DEFAULT_SORT),
            css="error-table",
        ),
        "filters": replace(_filters(narrow, owner, state=state, counts=counts, path=path), misread=misread),
    }


def _filters(narrow: dict[str, str], owner: EntityFilter, *, state: str, counts: dict[str, int], path: str) -> Filters:
    names = group_names()
    team, environment, label = kept_choices(owner, {"environment": names.environments})
    return Filters(
        q=narrow["q"],
        status=state,
        total=sum(counts.values()),
        statuses=[StatusChoice(word, counts.get(word, 0)) for word in STATES],
        choices=offer(
            choose("entity", "Entity", narrow["entity"], names.entities),
            team,
            environment,
            label,
            choose("release", "Release", narrow["release"], names.releases),
            choose("level", "Level", narrow["level"], LEVELS),
        ),
        clear_url=path,
        what="errors",
        word="state",
        usual="open",
    )


def badges(group: GroupRow) -> list[tuple[str, str]]:
    """What a reader must not overlook: a word, and the tone that it is written in."""
    found = []
    if group.level != "error":
        found.append((group.level, {"fatal": "unhealthy", "warning": "degraded"}.get(group.level, "quiet")))
    if group.state != "open":
        found.append((group.state, "quiet"))
    elif group.is_regression:
        found.append(("came back", "unhealthy"))
    elif to_ms(group.first_seen) > now_ms() - _DAY_MS:
        found.append(("new", "accent"))
    if group.trouble == "surge":
        found.append(("surge", "degraded"))
    return found


def error_row(group: GroupRow) -> str:
    """Everything that a program said is escaped here; there is no address among it."""
    marks = "".join(f'<span class="badge" data-tone="{tone}">{word}</span>' for word, tone in badges(group))
    url = reverse("error-detail", args=[group.uid])
    entity = reverse("entity-detail", args=[group.entity_name])
    return (
        f'<tr id="x-{group.uid}" data-row><th scope="row" class="cell-error">'
        f'<span class="error-line"><a class="clip" href="{url}" title="{escape(group.title)}">{escape(group.title)}</a>'
        f'{marks}</span><span class="error-place clip">{escape(group.culprit)}</span></th>'
        f'<td class="wide clip cell-owner"><a href="{entity}">{escape(group.entity_name)}</a></td>'
        f'<td class="wide">{draw_sparkline(group.trend)}</td><td class="num">{group.events:,}</td>'
        f'<td class="num wide muted">{group.users:,}</td><td class="num wide muted">{ago(group.first_seen)}</td>'
        f'<td class="num muted">{ago(group.last_seen)}</td></tr>'
    )

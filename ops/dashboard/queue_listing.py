"""The list of queues on its page, read from the address."""

from dataclasses import replace
from html import escape
from typing import Any, cast

from django.http import QueryDict
from django.urls import reverse
from django.utils.safestring import SafeString

from core.pagination import Page
from core.permissions import Principal
from core.templatetags.display import duration_words, status
from entities.filters import EntityFilter
from ops.dashboard.kept_filters import kept_choices, read_kept
from ops.dashboard.lists import Filters, StatusChoice, choose, offer, place_page, plain, read_page, sorted_columns
from ops.dashboard.misread import find_misread
from ops.dashboard.rows import join_rows
from ops.dashboard.severity import SEVERITY
from ops.dashboard.sparkline import draw_bars
from ops.queues.selectors import QueueRow, Sort, Trend, queue_names, queue_rows, status_counts
from ops.queues.selectors.effective import SEVERITIES

PAGE_SIZE = 50
DEFAULT_SORT = "trouble"
_COLUMNS = (
    ("trouble", "Status", ""),
    ("name", "Queue", ""),
    ("size", "Waiting", "num"),
    ("", "Depth, 30 min", "wide"),
    ("age", "Oldest", "num"),
    ("", "Age, 30 min", "wide"),
    ("", "In / min", "num wide"),
    ("", "Out / min", "num wide"),
    ("", "Consumers", "num wide"),
    ("", "Kind", "wide"),
)


def list_queues(query: QueryDict, *, path: str, principal: Principal) -> dict[str, Any]:
    """The context of the page; an order or a place that the address says wrongly counts as not said."""
    misread = find_misread(query, path, {"status": SEVERITIES})
    narrow = {name: plain(query, name)[:200] for name in ("entity", "kind", "q")}
    narrow["q"] = narrow["q"][:100].strip()
    word = "" if misread else plain(query, "status")
    sort = query.get("sort", DEFAULT_SORT)
    sort = sort if sort in {name for name, _, _ in _COLUMNS if name} else DEFAULT_SORT
    owner = read_kept(query, is_void=bool(misread))
    filters: dict[str, Any] = {
        "owner": owner, "entity_ref": narrow["entity"], "kind": narrow["kind"], "q": narrow["q"],
    }  # fmt: skip

    def read(cursor: str | None) -> Page[QueueRow]:
        return queue_rows(
            principal=principal, status=word, sort=cast("Sort", sort), cursor=cursor, limit=PAGE_SIZE, **filters
        )

    page, is_later = read_page(query, read)
    columns = sorted_columns(_COLUMNS, query, path, current=sort, usual=DEFAULT_SORT)
    return {
        "queues": page.items,
        "list": place_page(
            query,
            path,
            caption="Queues",
            page=page,
            is_later=is_later,
            rows=join_rows(queue_line(queue) for queue in page.items),
            columns=[
                replace(column, direction="up") if _is_by_name(column.direction, sort, column.title) else column
                for column in columns
            ],
            css="queue-table",
        ),
        "filters": replace(
            _filters(narrow, owner, status_counts(principal=principal, **filters), word=word, path=path),
            misread=misread,
        ),
    }


def _is_by_name(direction: str, sort: str, title: str) -> bool:
    """Names alone are listed upwards."""
    return bool(direction) and sort == "name" and title == "Queue"


def _filters(narrow: dict[str, str], owner: EntityFilter, counts: dict[str, int], *, word: str, path: str) -> Filters:
    names = queue_names()
    return Filters(
        q=narrow["q"],
        status=word,
        total=sum(counts.values()),
        statuses=[
            StatusChoice(known, counts.get(known, 0)) for known in SEVERITY if counts.get(known) or known == word
        ],
        choices=offer(
            choose("entity", "Entity", narrow["entity"], names.entities),
            choose("kind", "Kind", narrow["kind"], names.kinds),
            *kept_choices(owner),
        ),
        clear_url=path,
        what="queues",
    )


def queue_line(queue: QueueRow, *, has_entity: bool = True) -> str:
    """What people and sources wrote is escaped here. Figures of a queue that nobody reads now are marked as old."""
    url = reverse("queue-detail", args=[queue.uid])
    owner = f'<span class="cell-owner">{escape(queue.entity_name)}</span><span class="cell-slash"> / </span>'
    old = " data-old" if queue.status in {"unknown", "paused"} else ""
    return (
        f'<tr id="q-{queue.uid}" data-row{old}><td>{status(queue.status)}</td>'
        f'<th scope="row" class="cell-queue"><a class="clip" href="{url}">{owner if has_entity else ""}'
        f'{escape(queue.name)}</a><span class="queue-reason clip" title="{escape(queue.message)}">'
        f"{escape(queue.message)}</span></th>"
        f'<td class="num">{_size(queue)}</td><td class="wide">{draw_depth(queue.depth_trend)}</td>'
        f'<td class="num">{age_words(queue.oldest_age_seconds)}</td><td class="wide">{draw_age(queue.age_trend)}</td>'
        f'<td class="num wide">{per_minute(queue.rate_in)}</td><td class="num wide">{per_minute(queue.rate_out)}</td>'
        f'<td class="num wide">{count_words(queue.consumers)}</td><td class="wide muted">{escape(queue.kind)}</td></tr>'
    )


def _size(queue: QueueRow) -> str:
    limit = "" if queue.max_size is None else f'<span class="muted queue-limit"> of {queue.max_size:,}</span>'
    return count_words(queue.size) + (limit if queue.size is not None else "")


def count_words(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def age_words(seconds: float | None) -> str:
    return "-" if seconds is None else duration_words(seconds)


def per_minute(per_second: float | None) -> str:
    """Messages a minute, with a digit behind the point where there are few."""
    if per_second is None:
        return "-"
    value = per_second * 60
    return f"{value:,.0f}" if value >= 10 or value == round(value) else f"{value:.1f}"


def draw_depth(trend: Trend) -> SafeString:
    known = [value for value in trend if value is not None]
    said = f"At most {max(known):,.0f} waiting in the last {len(trend)} minutes" if known else "Nothing seen lately"
    return draw_bars(trend, said=said)


def draw_age(trend: Trend) -> SafeString:
    known = [value for value in trend if value is not None]
    said = f"The oldest waited {duration_words(max(known))} at most" if known else "No age is known"
    return draw_bars(trend, said=said)

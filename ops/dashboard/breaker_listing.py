"""The list of breakers on its page, read from the address: the fleet's, and below them our own."""

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, cast

from django.http import QueryDict
from django.urls import reverse
from django.utils.safestring import SafeString

from core.errors import NotFound
from core.pagination import Page
from core.permissions import Principal
from core.search import holds_words, words_of
from core.templatetags.display import since, until
from entities.filters import EVERY_ENTITY, EntityFilter
from ops.breakers.domain import RANKS, STATUSES, TROUBLED, BreakerState
from ops.breakers.own_selectors import OwnBreakerRow, own_breakers
from ops.breakers.selectors import DEFAULT_SORT, BreakerRow, breaker_rows, state_counts
from ops.breakers.selectors.counts import entities_with_breakers
from ops.dashboard.breaker_words import (
    DOTS_BRIEF,
    DOTS_MAX,
    instance_dots,
    own_reason,
    place_words,
    rate_words,
    share_words,
    state_glyph,
    state_mark,
    state_words,
)
from ops.dashboard.kept_filters import kept_choices, read_kept
from ops.dashboard.lists import (
    Choice,
    Filters,
    StatusChoice,
    address,
    choose,
    offer,
    place_page,
    plain,
    read_page,
    sorted_columns,
)
from ops.dashboard.rows import join_rows
from ops.signals.domain import Status

PAGE_SIZE = 50
OWN_SHOWN = 10
"""Our own breakers below those of the fleet; all of them are one click away."""
KINDS = ("fleet", "ours")
STATES = tuple(sorted(BreakerState, key=lambda state: -RANKS[state]))
CHOICES = (TROUBLED, *(state.value for state in STATES))
_TROUBLE = frozenset(state.value for state in STATES if STATUSES[state] is Status.DEGRADED)
_COLUMNS = (
    ("trouble", "State", ""),
    ("name", "Breaker", ""),
    ("", "Instances", "wide"),
    ("failures", "Failures", "num"),
    ("volume", "Calls", "num wide"),
    ("", "For", "num wide"),
)
_SORTS = frozenset(name for name, _, _ in _COLUMNS if name)


def list_breakers(query: QueryDict, *, path: str, principal: Principal) -> dict[str, Any]:
    """The context of the page; what the address says wrongly counts as not said. ``kind`` leaves one table."""
    q, entity, kind = plain(query, "q")[:100].strip(), plain(query, "entity")[:200], plain(query, "kind")
    kind = kind if kind in KINDS else ""
    state = plain(query, "state")
    state = state if state in {*BreakerState, TROUBLED} else ""
    owner = read_kept(query)
    own = own_breakers(principal=principal)
    leaves_out_ours = bool(entity) or kind == "fleet" or owner != EVERY_ENTITY  # they belong to no entity
    found = [] if leaves_out_ours else [row for row in own.rows if holds_words(row.name, words_of(q))]
    counts: Counter[str] = Counter(row.state for row in found)
    listing: dict[str, Any] = {"breakers": (), "list": None}
    if kind != "ours":
        listing, fleet = _fleet(query, path, principal=principal, state=state, owner=owner, entity=entity, q=q)
        counts.update(fleet)
    total = counts.total()
    counts[TROUBLED] = sum(counts[word] for word in _TROUBLE)
    ours = [row for row in found if not state or row.state == state or (state == TROUBLED and row.state in _TROUBLE)]
    shown = ours if kind == "ours" else ours[:OWN_SHOWN]
    return {
        **listing,
        "own": own,
        "own_count": len(ours),
        "own_rows": join_rows(own_row(row) for row in shown),
        "own_shown": len(shown),
        "own_url": address(query, path, kind="ours", cursor=None),
        "shows_own": bool(ours) or (own.is_lost and not leaves_out_ours),
        "filters": Filters(
            q=q,
            status=state,
            total=total,
            statuses=[StatusChoice(word, counts[word]) for word in CHOICES if counts[word] or word == state],
            choices=offer(
                choose("entity", "Entity", entity, entities_with_breakers()),
                Choice("kind", "Kind", kind, KINDS) if own.rows or kind else None,
                *kept_choices(owner),
            ),
            clear_url=path,
            what="breakers",
            word="state",
        ),
        "chips": [
            (TROUBLED, "In trouble", ""),
            *((word.value, state_words(word).capitalize(), state_glyph(word)) for word in STATES),
        ],
    }


def _fleet(
    query: QueryDict, path: str, *, principal: Principal, state: str, owner: EntityFilter, entity: str, q: str
) -> tuple[dict[str, Any], Mapping[str, int]]:
    sort = query.get("sort", DEFAULT_SORT)
    sort = sort if sort in _SORTS else DEFAULT_SORT

    def read(cursor: str | None) -> Page[BreakerRow]:
        return breaker_rows(
            principal=principal, state=state or None, owner=owner, entity_ref=entity or None, q=q,
            sort=cast("Any", sort), limit=PAGE_SIZE, cursor=cursor,
        )  # fmt: skip

    try:
        page, is_later = read_page(query, read)
        counts = state_counts(principal=principal, owner=owner, entity_ref=entity or None, q=q)
    except NotFound:  # of an entity that is gone, nothing is there
        page, is_later, counts = Page((), None), False, {}
    listing = place_page(
        query,
        path,
        caption="Breakers of the fleet",
        page=page,
        is_later=is_later,
        rows=breaker_table(page.items),
        columns=sorted_columns(_COLUMNS, query, path, current=sort, usual=DEFAULT_SORT),
        css="breaker-table",
    )
    return {"breakers": page.items, "list": listing}, counts


def breaker_table(rows: Sequence[BreakerRow], *, with_entity: bool = True) -> SafeString:
    return join_rows(breaker_row(row, with_entity=with_entity) for row in rows)


def breaker_row(row: BreakerRow, *, with_entity: bool = True) -> str:
    """Everything that a program said is escaped here; there is no address among it."""
    owner = f'<span class="cell-owner">{escape(row.entity_name)}</span><span class="cell-slash"> / </span>'
    place = place_words(
        matching=row.matching, count=row.instance_count, silent=row.silent, is_unknown=row.state == BreakerState.UNKNOWN
    )
    tries = f"half-open {until(row.next_half_open_at)}" if row.next_half_open_at else ""
    note = ", ".join(part for part in (place, tries, escape(row.message)) if part)
    dots = instance_dots(row.instances, row.instance_count, most=DOTS_MAX if with_entity else DOTS_BRIEF)
    return (
        f'<tr id="b-{row.uid}" data-row><td>{state_mark(row.state)}</td><th scope="row" class="cell-breaker">'
        f'<a class="clip" href="{reverse("breaker-detail", args=[row.uid])}">{owner if with_entity else ""}'
        f'{escape(row.name)}</a><span class="breaker-note clip">{note}</span></th>'
        f'<td class="wide">{dots}</td>'
        f'<td class="num">{share_words(row.failure_share)}</td>'
        f'<td class="num wide muted">{rate_words(row.calls_per_minute)}</td>'
        f'<td class="num wide muted">{since(row.since)}</td></tr>'
    )


def own_row(row: OwnBreakerRow) -> str:
    url = own_url(row.name)
    name = f'<a class="clip" href="{url}">{escape(row.name)}</a>' if url else escape(row.name)
    ends = f"{'half-open' if row.state.value == BreakerState.OPEN else 'ends'} {until(row.until)}" if row.until else ""
    note = ", ".join(part for part in (ends, escape(own_reason(row.reason))) if part)
    return (
        f'<tr id="o-{escape(row.name)}" data-row><td>{state_mark(row.state)}</td><th scope="row" class="cell-breaker">'
        f'{name}<span class="breaker-note clip">{note}</span></th>'
        f'<td class="wide muted nowrap">{own_call_words(row)}</td>'
        f'<td class="num">{share_words(row.failure_share if row.calls else None)}</td>'
        f'<td class="num wide muted">{share_words(row.slow / row.calls if row.calls else None)}</td>'
        f'<td class="num wide muted">{since(row.since)}</td></tr>'
    )


def own_call_words(row: OwnBreakerRow) -> str:
    """``3 of 20 calls failed``: those of its window, which is empty after it changed its state."""
    return f"{row.failed:,} of {row.calls:,} calls failed" if row.calls else "no call since"


def own_url(name: str) -> str:
    """Empty for a name that no address can hold; what we guard has none such."""
    return reverse("own-breaker-detail", args=[name]) if name and "/" not in name else ""

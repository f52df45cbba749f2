"""The list of breakers on its page, read from the address: the fleet's, and below them our own."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    Misread,
    StatusChoice,
    address,
    choose,
    offer,
    place_page,
    plain,
    read_page,
    sorted_columns,
)
from ops.dashboard.misread import find_misread
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
    """The context of the page; an order or a place that the address says wrongly counts as not said.

    ``kind`` leaves one table.
    """
    narrow = _read_narrow(query, path)
    own = own_breakers(principal=principal)
    listing: dict[str, Any] = {"breakers": (), "list": None}
    counts: Counter[str] = Counter()
    if narrow.kind != "ours":
        listing, fleet = _fleet(query, path, principal=principal, narrow=narrow)
        counts.update(fleet)
    found = [row for row in own.rows if holds_words(row.name, words_of(narrow.q))] if narrow.has_ours else []
    counts.update(row.state for row in found)
    return {
        **listing,
        **_ours(query, path, found, narrow),
        "own": own,
        "shows_own": any(map(narrow.passes, found)) or (own.is_lost and narrow.has_ours),
        "filters": _filters(narrow, counts, path=path, has_kinds=bool(own.rows)),
        "chips": [
            (TROUBLED, "In trouble", ""),
            *((word.value, state_words(word).capitalize(), state_glyph(word)) for word in STATES),
        ],
    }


@dataclass(frozen=True, slots=True)
class _Narrow:
    """What the address asks for."""

    q: str
    entity: str
    kind: str
    state: str
    owner: EntityFilter
    misread: Sequence[Misread]

    @property
    def has_ours(self) -> bool:
        """Ours belong to no entity."""
        return not self.entity and self.kind != "fleet" and self.owner == EVERY_ENTITY

    def passes(self, own: OwnBreakerRow) -> bool:
        return not self.state or own.state == self.state or (self.state == TROUBLED and own.state in _TROUBLE)


def _read_narrow(query: QueryDict, path: str) -> _Narrow:
    misread = find_misread(query, path, {"state": CHOICES, "kind": KINDS})
    return _Narrow(
        q=plain(query, "q")[:100].strip(),
        entity=plain(query, "entity")[:200],
        kind="" if misread else plain(query, "kind"),
        state="" if misread else plain(query, "state"),
        owner=read_kept(query, is_void=bool(misread)),
        misread=misread,
    )


def _ours(query: QueryDict, path: str, found: Sequence[OwnBreakerRow], narrow: _Narrow) -> dict[str, Any]:
    ours = list(filter(narrow.passes, found))
    shown = ours if narrow.kind == "ours" else ours[:OWN_SHOWN]
    return {
        "own_count": len(ours),
        "own_rows": join_rows(own_row(row) for row in shown),
        "own_shown": len(shown),
        "own_url": address(query, path, kind="ours", cursor=None),
    }


def _filters(narrow: _Narrow, counts: Counter[str], *, path: str, has_kinds: bool) -> Filters:
    counted = {**counts, TROUBLED: sum(counts[word] for word in _TROUBLE)}
    return Filters(
        q=narrow.q,
        status=narrow.state,
        total=counts.total(),
        statuses=[
            StatusChoice(word, counted.get(word, 0)) for word in CHOICES if counted.get(word) or word == narrow.state
        ],
        choices=offer(
            choose("entity", "Entity", narrow.entity, entities_with_breakers()),
            Choice("kind", "Kind", narrow.kind, KINDS) if has_kinds or narrow.kind else None,
            *kept_choices(narrow.owner),
        ),
        clear_url=path,
        what="breakers",
        word="state",
        misread=narrow.misread,
    )


def _fleet(
    query: QueryDict, path: str, *, principal: Principal, narrow: _Narrow
) -> tuple[dict[str, Any], Mapping[str, int]]:
    sort = query.get("sort", DEFAULT_SORT)
    sort = sort if sort in _SORTS else DEFAULT_SORT
    asked: dict[str, Any] = {"owner": narrow.owner, "entity_ref": narrow.entity or None, "q": narrow.q}

    def read(cursor: str | None) -> Page[BreakerRow]:
        return breaker_rows(
            principal=principal, state=narrow.state or None, sort=cast("Any", sort), limit=PAGE_SIZE, cursor=cursor,
            **asked,
        )  # fmt: skip

    try:
        page, is_later = read_page(query, read)
        counts = state_counts(principal=principal, **asked)
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

"""What was found as pages show it: the panel below the field of the top bar, and the page of results."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.permissions import Principal
from core.search import TEXT_MAX, Hit, holds_word, words_of
from core.templatetags.display import status
from ops.dashboard.breaker_words import state_mark
from ops.dashboard.highlight import mark_words
from ops.dashboard.lists import plain
from ops.dashboard.search import Found, search

PANEL_ROWS = 5
PAGE_ROWS = 20
"""Of each kind."""


@dataclass(frozen=True, slots=True)
class Line:
    """One that was found, marked up. ``owner`` is its entity where that is written before the name, as in lists;
    ``aside`` says more, at the end of the line."""

    key: str
    url: str
    mark: SafeString
    owner: SafeString
    name: SafeString
    aside: SafeString


@dataclass(frozen=True, slots=True)
class Group:
    """``title`` says how many there are; ``all_url`` is empty when all are shown."""

    kind: str
    title: str
    plural: str
    total: int
    lines: Sequence[Line]
    all_url: str


def read_search(query: QueryDict, *, principal: Principal, limit: int) -> dict[str, Any]:
    """The context of page and panel."""
    text = plain(query, "q")[:TEXT_MAX].strip()
    found = [kind for kind in search(principal=principal, text=text, limit=limit) if kind.total]
    return {
        "searched": text,
        "groups": [_group(kind, text) for kind in found],
        "total": sum(kind.total for kind in found),
        "summary": ", ".join(f"{kind.total:,} {kind.singular if kind.total == 1 else kind.plural}" for kind in found),
    }


def _group(found: Found, text: str) -> Group:
    words = words_of(text)
    return Group(
        kind=found.kind,
        title=found.plural.capitalize(),
        plural=found.plural,
        total=found.total,
        lines=[_line(found, hit, words) for hit in found.hits],
        all_url=found.list_url(text) if found.total > len(found.hits) else "",
    )


def _line(found: Found, hit: Hit, words: Sequence[str]) -> Line:
    has_owner = found.kind not in {"entity", "error"}
    aside = hit.note if found.kind == "entity" or holds_word(hit.note, words) else ""
    if found.kind == "error":
        aside = f"{hit.entity_name} · {aside}" if aside else hit.entity_name
    return Line(
        key=f"{found.kind}-{hit.uid}",
        url=found.page_url(hit),
        mark=_mark(found.kind, hit.status),
        owner=mark_words(hit.entity_name if has_owner else "", words),
        name=mark_words(hit.name, words),
        aside=mark_words(aside, words),
    )


def _mark(kind: str, word: str) -> SafeString:
    """Glyph, word and colour: of a status, of a breaker's state, or of an error's."""
    if kind in {"breaker", "own_breaker"}:
        return state_mark(word)
    if kind == "error":
        tone = "" if word == "open" else "paused"
        return format_html(
            '<span class="status" data-status="{}"><svg class="glyph" aria-hidden="true">'
            '<use href="#i-errors"></use></svg>{}</span>',
            tone,
            word.capitalize(),
        )
    return status(word)

"""The search over everything that has a name: what each slice finds, and where it is on pages."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.urls import reverse
from django.utils.http import urlencode

from core.permissions import Principal
from core.search import Hit, Hits, words_of
from entities.search import search_entities
from ops.breakers.own_selectors import search_own_breakers
from ops.breakers.selectors.search import search_breakers
from ops.dashboard.breaker_listing import own_url
from ops.dashboard.standing import recent_statuses
from ops.errors.selectors.search import search_errors
from ops.health.selectors.search import search_checks
from ops.queues.selectors.search import search_queues

KINDS = ("entity", "check", "queue", "breaker", "own_breaker", "error")
"""Own breakers are Quarterdeck's, the others the fleet's."""
_PLURALS = {"entity": "entities"}
_LISTS = {"own_breaker": "breaker-list"}
_LISTED_BY: Mapping[str, Mapping[str, str]] = {
    "breaker": {"kind": "fleet"},
    "own_breaker": {"kind": "ours"},
    "error": {"state": "all"},
}
"""What the address of a list says beside the text, so that it has all that the search counts."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found of one of ``KINDS``, the nearest first; ``total`` is how many there are."""

    kind: str
    hits: tuple[Hit, ...]
    total: int

    @property
    def singular(self) -> str:
        return self.kind.replace("_", " ")

    @property
    def plural(self) -> str:
        return _PLURALS.get(self.kind, f"{self.singular}s")

    def list_url(self, text: str) -> str:
        """The page of the list that has all of them."""
        name = _LISTS.get(self.kind, f"{self.kind}-list")
        return f"{reverse(name)}?{urlencode({'q': text, **_LISTED_BY.get(self.kind, {})})}"

    def page_url(self, hit: Hit) -> str:
        if self.kind == "own_breaker":
            return own_url(hit.name)
        return reverse(f"{self.kind}-detail", args=[hit.name if self.kind == "entity" else hit.uid])


def search(*, principal: Principal, text: str, limit: int) -> list[Found]:
    """At most ``limit`` of each kind, in the order of ``KINDS``; without a word nothing is looked for."""
    if not words_of(text):
        return [Found(kind, (), 0) for kind in KINDS]
    found: dict[str, Hits] = {
        "entity": search_entities(principal=principal, text=text, limit=limit, statuses=recent_statuses()),
        "check": search_checks(principal=principal, text=text, limit=limit),
        "queue": search_queues(principal=principal, text=text, limit=limit),
        "breaker": search_breakers(principal=principal, text=text, limit=limit),
        "own_breaker": search_own_breakers(principal=principal, text=text, limit=limit),
        "error": search_errors(principal=principal, text=text, limit=limit),
    }
    return [Found(kind, found[kind].items, found[kind].total) for kind in KINDS]

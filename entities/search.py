"""Finding entities by what people type."""

from collections.abc import Mapping

from core.permissions import Permission, Principal
from core.search import Hit, Hits, holds_word, matching, nearest, words_of
from entities.filters import SEARCHED
from entities.models import Entity
from entities.status import UNKNOWN, EntityStatus


def search_entities(*, principal: Principal, text: str, limit: int, statuses: Mapping[int, EntityStatus]) -> Hits:
    """Those that a list narrowed to ``text`` has, the nearest first. ``statuses`` are those of all, by primary key:
    to read them for a few costs as much as for all."""
    principal.require(Permission.CATALOG_VIEW)
    rows = Entity.objects.filter(matching(text, *SEARCHED))
    found, total = nearest(
        rows, text, "id", "uid", "name", "title", "description", order=("nearness", "tier", "name"), limit=limit
    )
    return Hits(
        tuple(
            Hit(
                uid=row.uid,
                name=row.name,
                entity_name=row.name,
                status=statuses.get(row.id, UNKNOWN).status,
                note=_telling(row.title, row.description, text),
            )
            for row in found
        ),
        total,
    )


def _telling(title: str, description: str, text: str) -> str:
    """The title, or the description where only that has the words."""
    words = words_of(text)
    tells_more = holds_word(description, words) and not holds_word(title, words)
    return description if tells_more or not title else title

"""Finding breakers of the fleet by what people type."""

from core.clock import database_now_ms
from core.permissions import Permission, Principal
from core.search import Hit, Hits, matching, nearest
from ops.breakers.selectors import effective
from ops.breakers.selectors.breakers import SEARCHED


def search_breakers(*, principal: Principal, text: str, limit: int) -> Hits:
    """Those that a list narrowed to ``text`` has: the nearest first, of these the ones in most trouble. The status of
    each is the word of its state."""
    principal.require(Permission.CATALOG_VIEW)
    now = database_now_ms()
    rows = effective.watched().filter(matching(text, *SEARCHED)).annotate(rank=effective.rank(now))
    found, total = nearest(
        rows, text, "uid", "name", "entity__name", "state", "fresh_until_ms",
        order=("nearness", "-rank", "entity__name", "name"), limit=limit,
    )  # fmt: skip
    return Hits(
        tuple(
            Hit(row.uid, row.name, row.entity__name, effective.state_at(row.state, row.fresh_until_ms, now).value)
            for row in found
        ),
        total,
    )

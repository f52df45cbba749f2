"""Finding checks by what people type."""

from core.clock import database_now_ms
from core.permissions import Permission, Principal
from core.search import Hit, Hits, matching, nearest
from ops.health.models import Check
from ops.health.selectors import effective
from ops.health.selectors.checks import SEARCHED
from ops.signals.domain import WORDS


def search_checks(*, principal: Principal, text: str, limit: int) -> Hits:
    """Those that a list narrowed to ``text`` has: the nearest first, of these the worst."""
    principal.require(Permission.CATALOG_VIEW)
    rows = Check.objects.filter(matching(text, *SEARCHED)).annotate(severity=effective.severity(database_now_ms()))
    found, total = nearest(
        rows, text, "uid", "name", "entity__name", "entity__title", "severity",
        order=("nearness", "-severity", "entity__name", "name"), limit=limit,
    )  # fmt: skip
    return Hits(
        tuple(Hit(row.uid, row.name, row.entity__name, WORDS[row.severity], row.entity__title) for row in found), total
    )

"""Finding queues by what people type."""

from core.clock import database_now_ms
from core.permissions import Permission, Principal
from core.search import Hit, Hits, matching, nearest
from ops.queues.models import Queue
from ops.queues.selectors import effective
from ops.queues.selectors.rows import SEARCHED
from ops.signals.domain import WORDS


def search_queues(*, principal: Principal, text: str, limit: int) -> Hits:
    """Those that a list narrowed to ``text`` has: the nearest first, of these the worst."""
    principal.require(Permission.CATALOG_VIEW)
    rows = Queue.objects.filter(matching(text, *SEARCHED)).annotate(severity=effective.severity(database_now_ms()))
    found, total = nearest(
        rows, text, "uid", "name", "entity__name", "severity",
        order=("nearness", "-severity", "entity__name", "name"), limit=limit,
    )  # fmt: skip
    return Hits(tuple(Hit(row.uid, row.name, row.entity__name, WORDS[row.severity]) for row in found), total)

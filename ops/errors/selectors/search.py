"""Finding groups of errors by what people type."""

from django.db.models import Case, IntegerField, Value, When

from core.permissions import Permission, Principal
from core.search import Hit, Hits, matching, nearest
from ops.errors.domain import GroupState
from ops.errors.selectors.narrowing import SEARCHED, watched_groups


def search_errors(*, principal: Principal, text: str, limit: int) -> Hits:
    """Those that a list narrowed to ``text`` has, of all states: the open ones first, of these the nearest, then those
    seen last. The status of each is its state."""
    principal.require(Permission.CATALOG_VIEW)
    is_closed = Case(When(state=GroupState.OPEN, then=Value(0)), default=Value(1), output_field=IntegerField())
    rows = watched_groups().filter(matching(text, *SEARCHED)).annotate(is_closed=is_closed)
    found, total = nearest(
        rows, text, "uid", "title", "entity__name", "state", "culprit",
        name="title", order=("is_closed", "nearness", "-last_seen_ms", "-id"), limit=limit,
    )  # fmt: skip
    return Hits(tuple(Hit(row.uid, row.title, row.entity__name, row.state, row.culprit) for row in found), total)

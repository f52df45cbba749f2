"""Errors of every entity as Prometheus lines, rendered by hand and kept for some seconds."""

import time

from django.db.models import Count

from entities.filters import is_watched
from ops.errors.domain import GroupState
from ops.errors.models import ErrorGroup, ErrorTotal

KEPT_SECONDS = 5.0
SERIES_MAX = 20_000
_HEADS = (
    "# HELP quarterdeck_error_groups_open Open groups of errors.\n# TYPE quarterdeck_error_groups_open gauge\n",
    "# HELP quarterdeck_error_events_total Events stored.\n# TYPE quarterdeck_error_events_total counter\n",
)
_rendered: tuple[float, bytes] = (float("-inf"), b"")


def render_error_series() -> bytes:
    """Empty before the first error. At most ``KEPT_SECONDS`` old, so that scrapes by many cost one."""
    global _rendered  # noqa: PLW0603 - replaced as a whole; at worst two threads render the same
    if time.monotonic() - _rendered[0] > KEPT_SECONDS:
        _rendered = (time.monotonic(), _render())
    return _rendered[1]


def forget_rendered() -> None:
    global _rendered  # noqa: PLW0603
    _rendered = (float("-inf"), b"")


def _render() -> bytes:
    totals = list(
        ErrorTotal.objects.filter(is_watched())
        .order_by("entity_id")
        .values_list("entity_id", "entity__name", "events")[:SERIES_MAX]
    )
    if not totals:
        return b""
    groups = ErrorGroup.objects.filter(state=GroupState.OPEN).order_by()
    is_open = dict(groups.values_list("entity_id").annotate(Count("id")))
    # A name has neither quotes nor backslashes (entities.definition.Name).
    opened = (f'quarterdeck_error_groups_open{{entity="{name}"}} {is_open.get(pk, 0)}\n' for pk, name, _ in totals)
    events = (f'quarterdeck_error_events_total{{entity="{name}"}} {count}\n' for _, name, count in totals)
    return "".join([_HEADS[0], *opened, _HEADS[1], *events]).encode()

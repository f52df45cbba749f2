"""Small figures of the fleet's breakers, cheap enough for the frame of every page."""

from collections.abc import Sequence

from core.clock import database_now_ms
from ops.breakers.domain import OPEN_STATES
from ops.breakers.models import FleetBreaker
from ops.breakers.selectors.effective import watched

NAMES_MAX = 200


def open_count() -> int:
    """Breakers of the fleet that refuse calls on at least one instance."""
    return watched().filter(state__in=OPEN_STATES, fresh_until_ms__gte=database_now_ms()).count()


def entities_with_breakers() -> Sequence[str]:
    """Names of entities that have a breaker, the first ``NAMES_MAX``."""
    names = FleetBreaker.objects.order_by("entity__name").values_list("entity__name", flat=True).distinct()
    return tuple(names[:NAMES_MAX])

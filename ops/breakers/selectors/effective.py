"""How breakers stand now: one of which all news stopped coming is unknown, whatever was written last."""

from collections.abc import Mapping

from django.db.models import BigIntegerField, Case, F, FloatField, IntegerField, QuerySet, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from entities.filters import is_watched
from ops.breakers.domain import KNOWN_STATES, RANKS, STATUSES, BreakerState
from ops.breakers.models import FleetBreaker
from ops.signals.domain import Status

SILENT = "news of it stopped coming"


def watched() -> QuerySet[FleetBreaker]:
    """Those that count: see ``entities.filters.is_watched``."""
    return FleetBreaker.objects.filter(is_watched())


def _by_state(values: Mapping[BreakerState, int], now_ms: int) -> Combinable:
    return Case(
        When(fresh_until_ms__lt=now_ms, then=Value(int(values[BreakerState.UNKNOWN]))),
        *(When(state=state, then=Value(int(value))) for state, value in values.items()),
        output_field=IntegerField(),
    )


def severity(now_ms: int) -> Combinable:
    """The ``Status`` of each breaker."""
    return _by_state(STATUSES, now_ms)


def rank(now_ms: int) -> Combinable:
    """Its place in the order of trouble (``domain.RANKS``)."""
    return _by_state(RANKS, now_ms)


def since_ms(now_ms: int) -> Combinable:
    silent = When(fresh_until_ms__lt=now_ms, state__in=KNOWN_STATES, then=F("fresh_until_ms"))
    return Case(silent, default=F("since_ms"), output_field=BigIntegerField())


def known(field: str) -> Combinable:
    """A share or rate to sort by; what is not told counts as nothing."""
    return Coalesce(F(field), Value(0.0), output_field=FloatField())


def state_at(state: str, fresh_until_ms: int, now_ms: int) -> BreakerState:
    return BreakerState.UNKNOWN if fresh_until_ms < now_ms else BreakerState(state)


def status_of(state: BreakerState) -> Status:
    return STATUSES[state]

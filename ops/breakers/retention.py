"""The removal of what is silent for long, and of the oldest transitions."""

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, Window
from django.db.models.functions import RowNumber

from ops.breakers.models import BreakerInstance, BreakerTransition, FleetBreaker
from ops.breakers.store import add_up_again

SILENT_INSTANCE_MS = 3_600_000
"""An instance is dropped after so long when others of its breaker are heard: programs restart under new names."""
SILENT_BREAKER_MS = 7 * 86_400_000
SILENT_REPORTED_MS = 3_600_000
"""A breaker that programs report is dropped after so long: they repeat every state, so one that ended does not."""
EMPTY_MS = 60_000
TRANSITIONS_KEPT_MS = 90 * 86_400_000
TRANSITIONS_PER_BREAKER = 1_000
ROWS_PER_STEP = 5_000


def prune_breakers(*, now_ms: int) -> int:
    """How many rows went."""
    gone = _drop_instances(now_ms)
    gone += _drop_breakers(now_ms)
    return gone + _drop_transitions(now_ms)


def _drop_instances(now_ms: int) -> int:
    silent = BreakerInstance.objects.filter(
        fresh_until_ms__lt=now_ms - SILENT_INSTANCE_MS, breaker__fresh_until_ms__gte=now_ms
    )
    found = dict(silent.values_list("pk", "breaker_id")[:ROWS_PER_STEP])
    if not found:
        return 0
    with transaction.atomic():
        breakers = FleetBreaker.objects.select_for_update(no_key=True).filter(pk__in=set(found.values()))
        list(breakers.order_by("pk").values_list("pk"))
        gone, _ = silent.filter(pk__in=found).delete()
        add_up_again(set(found.values()), now_ms=now_ms)
    return gone


def _drop_breakers(now_ms: int) -> int:
    """With their instances; one that has none goes at once."""
    of_source = BreakerInstance.objects.filter(breaker=OuterRef("pk"), source__isnull=False)
    is_silent = Q(fresh_until_ms__lt=now_ms - SILENT_BREAKER_MS)
    is_reported = Q(~Exists(of_source), fresh_until_ms__lt=now_ms - SILENT_REPORTED_MS)
    is_empty = Q(instance_count=0, fresh_until_ms__lt=now_ms - EMPTY_MS)
    silent = FleetBreaker.objects.filter(is_silent | is_reported | is_empty)
    with transaction.atomic():
        ids = list(silent.select_for_update().order_by("pk").values_list("pk", flat=True)[:ROWS_PER_STEP])
        gone, _ = FleetBreaker.objects.filter(pk__in=ids).delete()
    return gone


def _drop_transitions(now_ms: int) -> int:
    orphaned = BreakerTransition.objects.exclude(breaker_id__in=FleetBreaker.objects.values("pk"))
    old = BreakerTransition.objects.filter(at_ms__lt=now_ms - TRANSITIONS_KEPT_MS)
    place = Window(RowNumber(), partition_by=F("breaker_id"), order_by=F("id").desc())
    ranked = BreakerTransition.objects.annotate(place=place).filter(place__gt=TRANSITIONS_PER_BREAKER)
    gone = 0
    for doomed in (orphaned, old, ranked):
        ids = list(doomed.values_list("pk", flat=True)[:ROWS_PER_STEP])
        gone += BreakerTransition.objects.filter(pk__in=ids).delete()[0]
    return gone

"""What happens to breakers when their entity is deleted, deactivated or activated again."""

from collections.abc import Collection

from core.clock import database_now_ms
from core.permissions import Principal
from ops.breakers.models import BreakerSource, FleetBreaker
from ops.breakers.services import scheduling


class BreakerLifecycle:
    """Listens to the catalogue, inside the transaction of the change; that change is audited there."""

    def entity_activity_changed(self, *, principal: Principal, entity_id: int, active: bool) -> None:  # noqa: ARG002
        now = database_now_ms()
        sources = list(BreakerSource.objects.filter(entity_id=entity_id, paused=False).order_by("pk"))
        scheduling.lock_states([source.pk for source in sources])
        for source in sources:
            rhythm = {"interval_ms": source.interval_ms, "timeout_ms": source.timeout_ms}
            if active:
                scheduling.start(source.pk, **rhythm, now_ms=now, spread=True)
            else:
                scheduling.stop(source.pk, **rhythm)

    def entity_renamed(self, *, principal: Principal, entity_id: int, name: str) -> None:
        """Nothing here goes by the name of its entity."""

    def entities_deleting(self, *, principal: Principal, entity_ids: Collection[int]) -> None:  # noqa: ARG002
        """The rows that go by cascade are locked first, each kind in the order of its keys."""
        sources = BreakerSource.objects.filter(entity_id__in=entity_ids)
        scheduling.lock_states(list(sources.values_list("pk", flat=True)))
        breakers = FleetBreaker.objects.select_for_update().filter(entity_id__in=entity_ids).order_by("pk")
        list(breakers.values_list("pk"))

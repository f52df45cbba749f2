"""What happens to queues when their entity is deleted, deactivated or activated again."""

from collections.abc import Collection

from core.clock import database_now_ms
from core.permissions import Principal
from ops.queues.models import Queue
from ops.queues.services import schedule


class QueueLifecycle:
    """Listens to the catalogue, inside the transaction of the change; that change is audited there."""

    def entity_activity_changed(self, *, principal: Principal, entity_id: int, active: bool) -> None:  # noqa: ARG002
        now = database_now_ms()
        rows = Queue.objects.select_for_update(no_key=True).filter(entity_id=entity_id, paused=False).order_by("pk")
        queues = list(rows)
        schedule.lock_states([queue.pk for queue in queues])
        for number, queue in enumerate(queues):
            if active:
                schedule.start(queue, now_ms=now, together=number)
            else:
                schedule.stop(queue, now_ms=now)

    def entity_renamed(self, *, principal: Principal, entity_id: int, name: str) -> None:
        """Nothing here goes by the name of its entity."""

    def entities_deleting(self, *, principal: Principal, entity_ids: Collection[int]) -> None:  # noqa: ARG002
        """The rows that go by cascade are locked first, each kind in the order of its keys."""
        queues = Queue.objects.select_for_update().filter(entity_id__in=entity_ids).order_by("pk")
        schedule.lock_states(list(queues.values_list("pk", flat=True)))

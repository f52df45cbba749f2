"""What happens to checks when their entity is deleted, deactivated or activated again."""

from collections.abc import Collection

from core.clock import database_now_ms
from core.permissions import Principal
from ops.health.definition import definition_of
from ops.health.models import Check
from ops.health.selectors.members import names_with_members
from ops.health.services import schedule
from ops.health.services.member_cycles import refuse_member_cycle


class CheckLifecycle:
    """Listens to the catalogue, inside the transaction of the change; that change is audited there."""

    def entity_activity_changed(self, *, principal: Principal, entity_id: int, active: bool) -> None:  # noqa: ARG002
        now = database_now_ms()
        checks = list(
            Check.objects.select_for_update(no_key=True).filter(entity_id=entity_id, paused=False).order_by("pk")
        )
        schedule.lock_states([check.pk for check in checks])
        for number, check in enumerate(checks):
            if active:
                schedule.start(check.pk, definition_of(check), version=check.version, now_ms=now, together=number)
            else:
                schedule.stop(check.pk, version=check.version, now_ms=now)

    def entity_renamed(self, *, principal: Principal, entity_id: int, name: str) -> None:  # noqa: ARG002
        """Members go by the names of their entities: under the new one a check may judge by itself."""
        refuse_member_cycle((f"{name}/{check}" for check in names_with_members(entity_id)), field="name")

    def entities_deleting(self, *, principal: Principal, entity_ids: Collection[int]) -> None:  # noqa: ARG002
        """The rows that go by cascade are locked first, each kind in the order of its keys."""
        checks = Check.objects.select_for_update().filter(entity_id__in=entity_ids).order_by("pk")
        schedule.lock_states(list(checks.values_list("pk", flat=True)))

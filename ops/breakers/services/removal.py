"""Forgetting a breaker that programs reported and report no more."""

from core.audit import record_action
from core.clock import database_now_ms
from core.errors import Conflict, NotFound
from core.permissions import Permission, Principal
from core.revision import changing, mark_changed
from ops.breakers.models import BreakerInstance, FleetBreaker
from ops.journal.services import NewEntry, record_entries

JOURNAL_KIND = "breaker.delete"
NAMED_MAX = 5


@changing()
def delete_breaker(*, principal: Principal, uid: str) -> None:
    """Remove a breaker that nobody but programs told of; its transitions go by and by (``retention``).

    The next report of it brings it back. Raises ``NotFound``, and ``Conflict`` for one that a source reads: the next
    look would bring it back, so it goes with its source.
    """
    principal.require(Permission.BREAKERS_MANAGE)
    breaker = _lock(uid)
    sources = BreakerInstance.objects.filter(breaker=breaker, source__isnull=False).order_by("source__name")
    if names := list(sources.values_list("source__name", flat=True).distinct()[:NAMED_MAX]):
        raise Conflict(f"{breaker.name} is read by {', '.join(names)}: delete or pause the source instead")
    record_action(
        principal=principal,
        action=JOURNAL_KIND,
        target_type="breaker",
        target_uid=breaker.uid,
        target_name=f"{breaker.entity.name}/{breaker.name}"[:200],
        before={"state": breaker.state, "instances": breaker.instance_count},
    )
    message = f"by {principal.name}"
    record_entries([NewEntry(breaker.entity_id, database_now_ms(), JOURNAL_KIND, breaker.name, message=message)])
    breaker.delete()
    mark_changed()


def _lock(uid: str) -> FleetBreaker:
    breaker = None
    if "\0" not in uid:
        rows = FleetBreaker.objects.select_for_update(of=("self",)).select_related("entity")
        breaker = rows.filter(uid=uid).first()
    if breaker is None:
        raise NotFound(f"There is no breaker {uid[:80]!r}")
    return breaker

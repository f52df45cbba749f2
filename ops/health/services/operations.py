"""What operators do with a check: run it now, pause it, resume it."""

from core.clock import database_now_ms
from core.errors import Conflict
from core.permissions import Permission, Principal
from core.revision import changing, mark_changed
from entities.domain import Lifecycle
from entities.lifecycle import lock_catalogue
from ops.health.definition import definition_of
from ops.health.models import Check
from ops.health.services import schedule
from ops.health.services.definitions import CHECK_WRITER


@changing()
def run_check_now(*, principal: Principal, uid: str) -> None:
    """Make the check due now; the caller wakes the engine once this is committed. Its rhythm goes on from here.

    Raises ``NotFound``, and ``Conflict`` for a check that stands still or that waits for signs of life.
    """
    principal.require(Permission.CHECK_RUN)
    check = CHECK_WRITER.find_for_update(uid)
    if check.paused:
        raise Conflict(f"{check.name} is paused; resume it first")
    if check.entity.lifecycle != Lifecycle.ACTIVE:
        raise Conflict(f"{check.entity.name} is inactive, so its checks do not run")
    definition = definition_of(check)
    if definition.kind.expectation(definition.config) is not None:
        raise Conflict(f"{check.name} waits for pings and cannot be run from here")
    now = database_now_ms()
    schedule.bring_forward(check.pk, now_ms=now)
    CHECK_WRITER.record(principal, "run", check, now_ms=now)
    mark_changed()


@changing()
def pause_check(*, principal: Principal, uid: str) -> None:
    """Take the check off the schedule; pausing a paused one changes nothing. Raises ``NotFound``."""
    principal.require(Permission.CHECK_PAUSE)
    _set_paused(principal, CHECK_WRITER.find_for_update(uid), paused=True)


@changing()
def resume_check(*, principal: Principal, uid: str) -> None:
    """Put the check back on the schedule, due now and unknown until its first result. Raises ``NotFound``."""
    principal.require(Permission.CHECK_PAUSE)
    lock_catalogue()  # the entity must not become inactive meanwhile
    _set_paused(principal, CHECK_WRITER.find_for_update(uid), paused=False)


def _set_paused(principal: Principal, check: Check, *, paused: bool) -> None:
    if check.paused == paused:
        return
    now = database_now_ms()
    check.paused = paused
    check.version += 1
    check.save(update_fields=["paused", "version", "updated_at"])
    if paused or check.entity.lifecycle != Lifecycle.ACTIVE:
        schedule.stop(check.pk, version=check.version, now_ms=now)
    else:
        schedule.start(check.pk, definition_of(check), version=check.version, now_ms=now)
    verb = "pause" if paused else "resume"
    CHECK_WRITER.record(principal, verb, check, now_ms=now, before={"paused": not paused}, after={"paused": paused})
    mark_changed()

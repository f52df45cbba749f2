"""Create, replace, edit and delete checks."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.utils import timezone

from core.clock import database_now_ms
from core.errors import Conflict, FieldError, ValidationFailed
from core.permissions import Permission, Principal
from core.revision import changing, mark_changed
from entities.domain import Lifecycle
from entities.lifecycle import lock_catalogue
from entities.models import Entity
from entities.selectors import find_entity
from ops.health.checks.kind import MemberKind
from ops.health.definition import (
    CHECKS_PER_ENTITY_MAX,
    CheckDefinition,
    changed_fields,
    definition_of,
    document_of,
    keep_secrets,
    with_changes,
)
from ops.health.models import Check, Heartbeat
from ops.health.services import schedule
from ops.health.services.member_cycles import refuse_member_cycle
from ops.health.services.records import find_for_update, record_check_action

CREATED_TOGETHER = dt.timedelta(minutes=1)
"""Checks created within this time count as created together, and do not all start at once."""


@dataclass(frozen=True, slots=True)
class CheckVersion:
    """A check as a write left it; ``action`` is None when nothing was to be written."""

    id: int
    uid: str
    name: str
    version: int
    action: Literal["create", "update", "delete"] | None
    changed: Mapping[str, tuple[Any, Any]]


@changing()
def create_check(*, principal: Principal, entity_ref: str, definition: CheckDefinition) -> CheckVersion:
    """Add a check to the entity of that uid or name; its first slot comes at once, of many that are created
    together within a minute and within its interval.

    Raises ``NotFound`` for the entity, ``Conflict`` when it has a check of that name, ``ValidationFailed`` when it
    has ``CHECKS_PER_ENTITY_MAX`` already or when the check would judge by itself.
    """
    principal.require(Permission.CATALOG_EDIT)
    lock_catalogue()
    together = _count_created_lately()
    entity = find_entity(entity_ref)
    saved = _create(principal, entity, definition, database_now_ms(), together=together)
    _refuse_member_cycle(entity.name, definition)
    mark_changed()
    return saved


@changing()
def replace_check(
    *, principal: Principal, uid: str, definition: CheckDefinition, expected_version: int | None = None
) -> CheckVersion:
    """Make the check say exactly what ``definition`` says; the same again writes nothing.

    Raises ``NotFound``, ``StaleVersion`` when ``expected_version`` is not the stored one, ``Conflict`` when the
    entity has another check of the new name.
    """
    principal.require(Permission.CATALOG_EDIT)
    lock_catalogue()
    check = find_for_update(uid, expected_version=expected_version)
    return _edit_one(principal, check, definition)


@changing()
def update_check(
    *, principal: Principal, uid: str, changes: Mapping[str, Any], expected_version: int | None = None
) -> CheckVersion:
    """Set the given fields, each to a whole new value; the others stay.

    Raises as ``replace_check``, and as ``parse_check``.
    """
    principal.require(Permission.CATALOG_EDIT)
    lock_catalogue()
    check = find_for_update(uid, expected_version=expected_version)
    return _edit_one(principal, check, with_changes(definition_of(check), changes))


@changing()
def delete_check(*, principal: Principal, uid: str, expected_version: int | None = None) -> None:
    """Remove the check; its results go by and by (``retention``). Raises ``NotFound`` and ``StaleVersion``."""
    principal.require(Permission.CATALOG_EDIT)
    lock_catalogue()
    _delete(principal, find_for_update(uid, expected_version=expected_version), database_now_ms())
    mark_changed()


@changing()
def save_checks(
    *, principal: Principal, entity_id: int, definitions: Sequence[CheckDefinition], delete_others: bool
) -> list[CheckVersion]:
    """Create or replace the entity's checks of those names, all or none; the answer lists those that changed.

    Raises as ``create_check``.
    """
    principal.require(Permission.CATALOG_EDIT)
    lock_catalogue()
    now = database_now_ms()
    entity = Entity.objects.get(pk=entity_id)
    stored = {
        check.name: check
        for check in Check.objects.select_for_update(of=("self",), no_key=True)
        .select_related("entity")
        .filter(entity=entity)
    }
    wanted = {definition.name for definition in definitions}
    saved = []
    if delete_others:
        doomed = sorted((check for name, check in stored.items() if name not in wanted), key=lambda check: check.pk)
        schedule.lock_states([check.pk for check in doomed])
        saved = [_delete(principal, check, now) for check in doomed]
    together = _count_created_lately()
    edits = []
    for number, definition in enumerate(definitions):
        if (check := stored.get(definition.name)) is None:
            saved.append(_create(principal, entity, definition, now, together=together + number))
        else:
            edits.append(_edit(principal, check, definition, now))
            saved.append(edits[-1].saved)
    # The rows of the engine last and in the order of their keys: it waits for them while it commits results.
    for number, edit in enumerate(sorted(edits, key=lambda edit: edit.saved.id)):
        edit.reschedule(now, together=number)
    _refuse_member_cycle(entity.name, *definitions)
    written = [item for item in saved if item.action]
    if written:
        mark_changed()
    return written


def _count_created_lately() -> int:
    return Check.objects.filter(created_at__gt=timezone.now() - CREATED_TOGETHER).count()


def _create(
    principal: Principal, entity: Entity, definition: CheckDefinition, now_ms: int, *, together: int
) -> CheckVersion:
    definition = keep_secrets(definition, None)
    _refuse_taken_name(entity.pk, definition.name)
    if Check.objects.filter(entity=entity).count() >= CHECKS_PER_ENTITY_MAX:
        full = f"{entity.name} has {CHECKS_PER_ENTITY_MAX} checks, which is the limit"
        raise ValidationFailed(full, errors=(FieldError("entity", full),))
    check = Check(entity=entity)
    _write_row(check, definition)
    schedule.create_state(check.pk, definition, is_running=_is_running(check), now_ms=now_ms, together=together)
    _keep_heartbeat(check.pk, definition)
    document = definition.document()
    record_check_action(principal, "check.create", check, now_ms=now_ms, after=document)
    return _version(check, "create", {name: (None, value) for name, value in document.items()})


@dataclass(frozen=True, slots=True)
class _Edit:
    """An edit that is written and recorded; the engine's row has yet to follow."""

    saved: CheckVersion
    definition: CheckDefinition
    was_running: bool
    is_running: bool

    def reschedule(self, now_ms: int, *, together: int = 0) -> None:
        check_id, version = self.saved.id, self.saved.version
        if not self.saved.action:
            return
        if self.saved.changed.keys() == {"name"} or not (self.was_running or self.is_running):
            schedule.follow(check_id, self.definition, version=version)
        elif not self.is_running:
            schedule.stop(check_id, version=version, now_ms=now_ms)
        elif not self.was_running:
            schedule.start(check_id, self.definition, version=version, now_ms=now_ms, together=together)
        else:
            schedule.restart(check_id, self.definition, version=version, now_ms=now_ms, together=together)
        _keep_heartbeat(check_id, self.definition)  # after the state, as pings lock them


def _edit_one(principal: Principal, check: Check, definition: CheckDefinition) -> CheckVersion:
    now = database_now_ms()
    edit = _edit(principal, check, definition, now)
    edit.reschedule(now)
    _refuse_member_cycle(check.entity.name, definition)
    if edit.saved.action:
        mark_changed()
    return edit.saved


def _edit(principal: Principal, check: Check, definition: CheckDefinition, now_ms: int) -> _Edit:
    definition = keep_secrets(definition, check)
    changed = changed_fields(check, definition)
    was_running = _is_running(check)
    if not changed:
        return _Edit(_version(check, None, {}), definition, was_running, was_running)
    if "name" in changed:
        _refuse_taken_name(check.entity_id, definition.name)
    check.version += 1
    _write_row(check, definition)
    record_check_action(
        principal,
        "check.update",
        check,
        now_ms=now_ms,
        before={name: old for name, (old, _) in changed.items()},
        after={name: new for name, (_, new) in changed.items()},
    )
    return _Edit(_version(check, "update", changed), definition, was_running, _is_running(check))


def _delete(principal: Principal, check: Check, now_ms: int) -> CheckVersion:
    document = document_of(check)
    gone = _version(check, "delete", {name: (value, None) for name, value in document.items()})
    schedule.lock_states([check.pk])  # before its heartbeat, as pings do
    check.delete()
    record_check_action(principal, "check.delete", check, now_ms=now_ms, before=document)
    return gone


def _is_running(check: Check) -> bool:
    return not check.paused and check.entity.lifecycle == Lifecycle.ACTIVE


def _refuse_taken_name(entity_id: int, name: str) -> None:
    if Check.objects.filter(entity_id=entity_id, name=name).exists():
        taken = FieldError("name", "is already taken")
        raise Conflict(f"The entity already has a check named {name!r}", errors=(taken,))


def _refuse_member_cycle(entity_name: str, *definitions: CheckDefinition) -> None:
    refuse_member_cycle(f"{entity_name}/{item.name}" for item in definitions if isinstance(item.kind, MemberKind))


def _write_row(check: Check, definition: CheckDefinition) -> None:
    common = definition.common
    check.name, check.kind, check.config = common.name, common.kind, definition.stored_config
    check.conditions, check.degraded_conditions = list(common.conditions), list(common.degraded_conditions)
    check.interval_ms, check.timeout_ms = common.interval, common.timeout
    check.degraded_above_ms = common.degraded_above
    check.failure_threshold, check.success_threshold = common.failure_threshold, common.success_threshold
    check.retry_interval_ms = common.retry_interval
    check.upside_down, check.severity_level = common.upside_down, common.severity.value
    check.paused = common.paused
    check.save()


def _keep_heartbeat(check_id: int, definition: CheckDefinition) -> None:
    """A check that waits for signs of life has a ping address; one that stops waiting loses it."""
    if definition.kind.expectation(definition.config) is None:
        Heartbeat.objects.filter(definition_id=check_id).delete()
    else:
        Heartbeat.objects.get_or_create(definition_id=check_id, defaults={"ping_id": uuid.uuid4()})


def _version(
    check: Check, action: Literal["create", "update", "delete"] | None, changed: Mapping[str, tuple[Any, Any]]
) -> CheckVersion:
    return CheckVersion(check.pk, check.uid, check.name, check.version, action, changed)

"""Create, replace, edit and delete sources of breakers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from core.audit import record_action
from core.clock import database_now_ms
from core.errors import Conflict, FieldError, NotFound, StaleVersion, ValidationFailed
from core.permissions import Permission, Principal
from core.revision import changing, mark_changed
from entities.domain import Lifecycle
from entities.lifecycle import lock_catalogue
from entities.models import Entity
from entities.selectors import find_entity
from ops.breakers.definition import (
    SourceDefinition,
    changed_fields,
    definition_of,
    document_of,
    keep_secrets,
    mask_document,
    with_changes,
)
from ops.breakers.models import SOURCES_PER_ENTITY_MAX, BreakerSource
from ops.breakers.services import scheduling
from ops.breakers.store import forget_source
from ops.journal.services import NewEntry, record_entries

_MOVES = frozenset({"instance", "kind", "instance_label"})
"""Fields that decide under which instances a source tells of breakers."""


@dataclass(frozen=True, slots=True)
class SourceVersion:
    """A source as a write left it; ``action`` is None when nothing was to be written."""

    id: int
    uid: str
    name: str
    version: int
    action: Literal["create", "update", "delete"] | None
    changed: Mapping[str, tuple[Any, Any]]


@changing()
def create_source(*, principal: Principal, entity_ref: str, definition: SourceDefinition) -> SourceVersion:
    """Add a source to the entity of that uid or name; it is looked at at once.

    Raises ``NotFound`` for the entity, ``Conflict`` when it has a source of that name, ``ValidationFailed`` when it has
    ``SOURCES_PER_ENTITY_MAX`` already.
    """
    principal.require(Permission.CATALOG_EDIT)
    lock_catalogue()
    saved = _create(principal, find_entity(entity_ref), definition)
    mark_changed()
    return saved


@changing()
def replace_source(
    *, principal: Principal, uid: str, definition: SourceDefinition, expected_version: int | None = None
) -> SourceVersion:
    """Make the source say exactly what ``definition`` says; the same again writes nothing.

    Raises ``NotFound``, ``StaleVersion``, and ``Conflict`` when the entity has another source of the new name.
    """
    principal.require(Permission.CATALOG_EDIT)
    lock_catalogue()
    return _edit_one(principal, _find_for_update(uid, expected_version), definition)


@changing()
def update_source(
    *, principal: Principal, uid: str, changes: Mapping[str, Any], expected_version: int | None = None
) -> SourceVersion:
    """Set the given fields, each to a whole new value. Raises as ``replace_source``, and as ``parse_source``."""
    principal.require(Permission.CATALOG_EDIT)
    lock_catalogue()
    source = _find_for_update(uid, expected_version)
    return _edit_one(principal, source, with_changes(definition_of(source), changes))


@changing()
def delete_source(*, principal: Principal, uid: str, expected_version: int | None = None) -> None:
    """Remove the source and the instances that it told of. Raises ``NotFound``, ``StaleVersion``."""
    principal.require(Permission.CATALOG_EDIT)
    lock_catalogue()
    _delete(principal, _find_for_update(uid, expected_version))
    mark_changed()


@changing()
def save_sources(
    *, principal: Principal, entity_id: int, definitions: Sequence[SourceDefinition]
) -> list[SourceVersion]:
    """Make these the entity's sources, all or none; the answer lists those that changed.

    Raises as ``create_source``.
    """
    principal.require(Permission.CATALOG_EDIT)
    lock_catalogue()
    entity = Entity.objects.get(pk=entity_id)
    rows = BreakerSource.objects.select_for_update(of=("self",), no_key=True).select_related("entity")
    stored = {source.name: source for source in rows.filter(entity=entity).order_by("pk")}
    scheduling.lock_states([source.pk for source in stored.values()])
    wanted = {definition.name for definition in definitions}
    saved = [_delete(principal, source) for name, source in stored.items() if name not in wanted]
    for definition in definitions:
        if (source := stored.get(definition.name)) is None:
            saved.append(_create(principal, entity, definition))
        else:
            saved.append(_edit(principal, source, definition))
    written = [item for item in saved if item.action]
    if written:
        mark_changed()
    return written


def _find_for_update(uid: str, expected_version: int | None) -> BreakerSource:
    source = None
    if "\0" not in uid:
        rows = BreakerSource.objects.select_for_update(of=("self",), no_key=True).select_related("entity")
        source = rows.filter(uid=uid).first()
    if source is None:
        raise NotFound(f"There is no breaker source {uid[:80]!r}")
    if expected_version is not None and source.version != expected_version:
        raise StaleVersion(f"{source.name} is at version {source.version}, not {expected_version}")
    return source


def _create(principal: Principal, entity: Entity, definition: SourceDefinition) -> SourceVersion:
    definition = keep_secrets(definition, None)
    _refuse_taken_name(entity.pk, definition.name)
    if BreakerSource.objects.filter(entity=entity).count() >= SOURCES_PER_ENTITY_MAX:
        full = f"{entity.name} has {SOURCES_PER_ENTITY_MAX} sources of breakers, which is the limit"
        raise ValidationFailed(full, errors=(FieldError("entity", full),))
    source = BreakerSource(entity=entity)
    _write_row(source, definition)
    now = database_now_ms()
    scheduling.create_state(source.pk, definition, is_running=_is_running(source), now_ms=now)
    document = definition.document()
    _record(principal, "breaker_source.create", source, now, after=document)
    return _version(source, "create", {name: (None, value) for name, value in document.items()})


def _edit_one(principal: Principal, source: BreakerSource, definition: SourceDefinition) -> SourceVersion:
    saved = _edit(principal, source, definition)
    if saved.action:
        mark_changed()
    return saved


def _edit(principal: Principal, source: BreakerSource, definition: SourceDefinition) -> SourceVersion:
    definition = keep_secrets(definition, source)
    changed = changed_fields(source, definition)
    if not changed:
        return _version(source, None, {})
    if "name" in changed:
        _refuse_taken_name(source.entity_id, definition.name)
    source.version += 1
    _write_row(source, definition)
    now, common = database_now_ms(), definition.common
    if _is_running(source):
        scheduling.start(source.pk, interval_ms=common.interval, timeout_ms=common.timeout, now_ms=now)
    else:
        scheduling.stop(source.pk, interval_ms=common.interval, timeout_ms=common.timeout)
    if not _is_running(source) or _MOVES & changed.keys():
        forget_source(source.pk, now_ms=now)
    before = {name: old for name, (old, _) in changed.items()}
    after = {name: new for name, (_, new) in changed.items()}
    _record(principal, "breaker_source.update", source, now, before=before, after=after)
    return _version(source, "update", changed)


def _delete(principal: Principal, source: BreakerSource) -> SourceVersion:
    document, now = document_of(source), database_now_ms()
    gone = _version(source, "delete", {name: (value, None) for name, value in document.items()})
    scheduling.lock_states([source.pk])  # before its breakers, as sampling does
    forget_source(source.pk, now_ms=now)
    source.delete()
    _record(principal, "breaker_source.delete", source, now, before=document)
    return gone


def _is_running(source: BreakerSource) -> bool:
    return not source.paused and source.entity.lifecycle == Lifecycle.ACTIVE


def _refuse_taken_name(entity_id: int, name: str) -> None:
    if BreakerSource.objects.filter(entity_id=entity_id, name=name).exists():
        taken = FieldError("name", "is already taken")
        raise Conflict(f"The entity already has a breaker source named {name!r}", errors=(taken,))


def _write_row(source: BreakerSource, definition: SourceDefinition) -> None:
    common = definition.common
    source.name, source.kind, source.config = common.name, common.kind, definition.stored_config
    source.instance, source.paused = common.instance, common.paused
    source.interval_ms, source.timeout_ms = common.interval, common.timeout
    source.save()


def _version(
    source: BreakerSource, action: Literal["create", "update", "delete"] | None, changed: Mapping[str, tuple[Any, Any]]
) -> SourceVersion:
    return SourceVersion(source.pk, source.uid, source.name, source.version, action, changed)


def _record(
    principal: Principal,
    action: str,
    source: BreakerSource,
    now_ms: int,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    record_action(
        principal=principal,
        action=action,
        target_type="breaker_source",
        target_uid=source.uid,
        target_name=f"{source.entity.name}/{source.name}",
        before=None if before is None else mask_document(before, kind=before.get("kind", source.kind)),
        after=None if after is None else mask_document(after, kind=source.kind),
    )
    fields = ", ".join(after) if action.endswith("update") and after else ""
    message = f"by {principal.name}" + (f": {fields}" if fields else "")
    record_entries([NewEntry(source.entity_id, at_ms=now_ms, kind=action, subject=source.name, message=message)])

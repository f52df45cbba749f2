"""Writes of the catalogue: permission, rules, audit and revision, in one transaction each."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.audit import record_action
from core.errors import Conflict, FieldError, HasDependencies, StaleVersion, ValidationFailed
from core.permissions import Permission, Principal
from core.revision import changing, mark_changed
from core.validation import parse_model
from entities.definition import EntityDefinition
from entities.domain import Edge, Lifecycle, Strength, find_cycle
from entities.lifecycle import lifecycle_listeners, lock_catalogue
from entities.models import Dependency, Entity
from entities.selectors import definition_of, find_entity, stored_entities
from entities.teams import ensure_teams


@dataclass(frozen=True, slots=True)
class EntityVersion:
    """An entity as a write left it. ``changed`` is false when nothing was to be written."""

    id: int
    uid: str
    name: str
    version: int
    changed: bool


@dataclass(frozen=True, slots=True)
class _Draft:
    """One entity to be written: the row, what it says now (None: it is new) and what it shall say."""

    entity: Entity
    before: EntityDefinition | None
    after: EntityDefinition

    changed: Mapping[str, tuple[Any, Any]]
    """Fields that differ, as (before, after) in JSON values."""


def _draft(entity: Entity | None, after: EntityDefinition) -> _Draft:
    before = definition_of(entity) if entity else None
    old = before.document() if before else {}
    changed = {name: (old.get(name), value) for name, value in after.document().items() if old.get(name) != value}
    return _Draft(entity or Entity(), before, after, changed)


@changing()
def create_entity(*, principal: Principal, definition: EntityDefinition) -> EntityVersion:
    """Add an entity. A team that does not exist yet is created with it.

    Raises ``Conflict`` when the name is taken, ``ValidationFailed`` for a dependency that does not exist.
    """
    principal.require(Permission.CATALOG_EDIT)
    lock_catalogue()
    return _save(principal, [_draft(None, definition)])[0]


@changing()
def replace_entity(
    *, principal: Principal, ref: str, definition: EntityDefinition, expected_version: int | None = None
) -> EntityVersion:
    """Make the entity say exactly what ``definition`` says; the same again writes nothing.

    Raises ``NotFound``, ``StaleVersion`` when ``expected_version`` is not the stored one, and what
    ``create_entity`` raises; ``ValidationFailed`` names the path of a cycle of hard dependencies.
    """
    principal.require(Permission.CATALOG_EDIT)
    lock_catalogue()
    return _save(principal, [_draft(_find_version(ref, expected_version), definition)])[0]


@changing()
def update_entity(
    *, principal: Principal, ref: str, changes: Mapping[str, Any], expected_version: int | None = None
) -> EntityVersion:
    """Set the given fields, each to a whole new value; the others stay. Raises as ``replace_entity``."""
    principal.require(Permission.CATALOG_EDIT)
    lock_catalogue()
    entity = _find_version(ref, expected_version)
    after = parse_model(EntityDefinition, {**definition_of(entity).document(), **changes})
    return _save(principal, [_draft(entity, after)])[0]


def set_dependencies(
    *, principal: Principal, ref: str, depends_on: Sequence[Any], expected_version: int | None = None
) -> EntityVersion:
    """Replace what the entity depends on: names, or mappings of name and strength. Raises as ``replace_entity``."""
    return update_entity(
        principal=principal, ref=ref, changes={"depends_on": list(depends_on)}, expected_version=expected_version
    )


@changing()
def save_entities(*, principal: Principal, definitions: Sequence[EntityDefinition]) -> list[EntityVersion]:
    """Create or replace the entities of those names, all or none; they may depend on each other in any order.

    Raises as ``replace_entity``.
    """
    principal.require(Permission.CATALOG_EDIT)
    lock_catalogue()
    stored = {entity.name: entity for entity in stored_entities().filter(name__in=[item.name for item in definitions])}
    return _save(principal, [_draft(stored.get(definition.name), definition) for definition in definitions])


def delete_entity(*, principal: Principal, ref: str, expected_version: int | None = None) -> None:
    """Remove the entity and what the slices keep on it.

    Raises ``NotFound``, ``StaleVersion``, and ``HasDependencies`` naming the entities that depend on it.
    """
    delete_entities(principal=principal, refs=[ref], expected_version=expected_version)


@changing()
def delete_entities(*, principal: Principal, refs: Collection[str], expected_version: int | None = None) -> None:
    """Remove the entities together; they may depend on each other. Raises as ``delete_entity``."""
    principal.require(Permission.CATALOG_EDIT)
    lock_catalogue()
    entities = [_find_version(ref, expected_version) for ref in refs]
    if not entities:
        return
    ids = [entity.pk for entity in entities]
    _refuse_with_dependants(entities)
    for listener in lifecycle_listeners():
        listener.entities_deleting(principal=principal, entity_ids=ids)
    for entity in entities:
        record_action(
            principal=principal,
            action="entity.delete",
            target_type="entity",
            target_uid=entity.uid,
            target_name=entity.name,
            before=definition_of(entity).document(),
        )
    Dependency.objects.filter(entity__in=ids).delete()
    Entity.objects.filter(pk__in=ids).delete()
    mark_changed()


def _refuse_with_dependants(entities: Sequence[Entity]) -> None:
    ids = [entity.pk for entity in entities]
    needs = (
        Dependency.objects.filter(depends_on__in=ids)
        .exclude(entity__in=ids)
        .order_by("depends_on__name", "entity__name")
        .values_list("depends_on__name", "entity__name")
    )
    needed_by: dict[str, list[str]] = {}
    for name, dependant in needs:
        needed_by.setdefault(name, []).append(dependant)
    if needed_by:
        raise HasDependencies(
            "; ".join(f"{name} is needed by {', '.join(dependants)}" for name, dependants in needed_by.items())
        )


def _find_version(ref: str, expected_version: int | None) -> Entity:
    entity = find_entity(ref, queryset=stored_entities())
    if expected_version is not None and entity.version != expected_version:
        raise StaleVersion(f"{entity.name} is at version {entity.version}, not {expected_version}")
    return entity


def _save(principal: Principal, drafts: Sequence[_Draft]) -> list[EntityVersion]:
    written = [draft for draft in drafts if draft.changed]
    if written:
        _refuse_taken_names(written)
        teams = ensure_teams(principal=principal, names={draft.after.team for draft in written if draft.after.team})
        for draft in written:
            _write_row(draft, team_id=teams[draft.after.team] if draft.after.team else None)
        _write_dependencies([draft for draft in written if "depends_on" in draft.changed])
        for draft in written:
            _tell_listeners(principal, draft)
            _record(principal, draft)
        mark_changed()
    return [
        EntityVersion(draft.entity.pk, draft.entity.uid, draft.entity.name, draft.entity.version, bool(draft.changed))
        for draft in drafts
    ]


def _refuse_taken_names(drafts: Sequence[_Draft]) -> None:
    renamed = {draft.after.name: draft.entity for draft in drafts if "name" in draft.changed}
    for name, uid in Entity.objects.filter(name__in=renamed).values_list("name", "uid"):
        if renamed[name].uid != uid:
            raise Conflict(
                f"There is already an entity named {name!r}", errors=(FieldError("name", "is already taken"),)
            )


def _write_row(draft: _Draft, *, team_id: int | None) -> None:
    entity, definition = draft.entity, draft.after
    for name, value in definition.document().items():
        if name not in {"team", "depends_on"}:
            setattr(entity, name, value)
    entity.team_id = team_id
    if draft.before is not None:
        entity.version += 1
    entity.save()


def _write_dependencies(drafts: Sequence[_Draft]) -> None:
    if not drafts:
        return
    wanted = {dependency.name for draft in drafts for dependency in draft.after.depends_on}
    ids = dict(Entity.objects.filter(name__in=wanted).values_list("name", "pk"))
    for draft in drafts:
        _refuse_bad_dependencies(draft.after, known=ids)
    Dependency.objects.filter(entity__in=[draft.entity.pk for draft in drafts]).delete()
    Dependency.objects.bulk_create(
        Dependency(entity=draft.entity, depends_on_id=ids[dependency.name], strength=dependency.strength)
        for draft in drafts
        for dependency in draft.after.depends_on
    )
    hard = Dependency.objects.filter(strength=Strength.HARD).values_list("entity__name", "depends_on__name")
    if cycle := find_cycle(Edge(dependant, dependency) for dependant, dependency in hard):
        path = " -> ".join(cycle)
        raise ValidationFailed(
            f"Hard dependencies form a cycle: {path}", errors=(FieldError("depends_on", f"forms the cycle {path}"),)
        )


def _refuse_bad_dependencies(definition: EntityDefinition, *, known: Collection[str]) -> None:
    errors = []
    for index, dependency in enumerate(definition.depends_on):
        if dependency.name == definition.name:
            path = f"{definition.name} -> {definition.name}"
            errors.append(FieldError(f"depends_on.{index}", f"an entity cannot depend on itself: {path}"))
        elif dependency.name not in known:
            errors.append(FieldError(f"depends_on.{index}", f"there is no entity {dependency.name!r}"))
    if errors:
        raise ValidationFailed("; ".join(error.message for error in errors), errors=tuple(errors))


def _tell_listeners(principal: Principal, draft: _Draft) -> None:
    if draft.before is None:
        return
    entity_id, after = draft.entity.pk, draft.after
    for listener in lifecycle_listeners():
        if "name" in draft.changed:
            listener.entity_renamed(principal=principal, entity_id=entity_id, name=after.name)
        if "lifecycle" in draft.changed:
            is_active = after.lifecycle is Lifecycle.ACTIVE
            listener.entity_activity_changed(principal=principal, entity_id=entity_id, active=is_active)


def _record(principal: Principal, draft: _Draft) -> None:
    new = draft.before is None
    record_action(
        principal=principal,
        action="entity.create" if new else "entity.update",
        target_type="entity",
        target_uid=draft.entity.uid,
        target_name=draft.entity.name,
        before=None if new else {name: before for name, (before, _) in draft.changed.items()},
        after={name: after for name, (_, after) in draft.changed.items()},
    )

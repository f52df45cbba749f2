"""From a document to the changes that would make the catalogue say what it says."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import FieldError, ValidationFailed
from entities.catalog.document import CatalogDocument, Entry, split_field
from entities.catalog.sections import SECTIONS, Change
from entities.definition import EntityDefinition
from entities.domain import Edge, Strength, find_cycle
from entities.models import Entity, Team
from entities.selectors import definition_of, stored_entities


@dataclass(frozen=True, slots=True)
class Plan:
    """``changes`` in the order of the document; ``doomed`` names the entities that pruning deletes."""

    changes: tuple[Change, ...]
    doomed: tuple[str, ...]


def plan_changes(document: CatalogDocument, *, prune: bool) -> Plan:
    """What ``apply_document`` would do now. Entities that the document leaves out stay, unless ``prune``.

    Raises ``ValidationFailed`` with one error for each thing that is wrong; a field is ``file:line: path``.
    """
    stored = {entity.name: entity for entity in stored_entities().order_by("name")}
    kept = {entry.definition.name for entry in document.entities}
    doomed = tuple(name for name in stored if name not in kept) if prune else ()
    before = {name: definition_of(entity) for name, entity in stored.items()}
    errors = _check_dependencies(document.entities, before, doomed=set(doomed))
    changes = _plan_teams(document)
    for entry in document.entities:
        name = entry.definition.name
        changes += _plan_entity(entry.definition, before.get(name))
        section_changes, wrong = _plan_sections(entry, stored.get(name))
        changes += section_changes
        errors += wrong
    if errors:
        raise ValidationFailed("The catalogue is not valid", errors=tuple(errors))
    changes += [Change("delete", f"entity {name}") for name in doomed]
    return Plan(tuple(changes), doomed)


def locate_section_errors(entry: Entry[EntityDefinition], section: str, error: ValidationFailed) -> list[FieldError]:
    """The errors of a section, which are paths inside its list, as places in the file."""
    if not error.errors:
        return [FieldError(entry.locate(section), error.message)]
    return [FieldError(entry.locate(section, *split_field(wrong.field)), wrong.message) for wrong in error.errors]


def _plan_teams(document: CatalogDocument) -> list[Change]:
    titles = dict(Team.objects.values_list("name", "title"))
    wanted = {entry.definition.team: "" for entry in document.entities if entry.definition.team}
    wanted |= {entry.definition.name: entry.definition.title for entry in document.teams}
    named = {entry.definition.name for entry in document.teams}
    changes = []
    for name, title in sorted(wanted.items()):
        if name not in titles:
            changes.append(Change("create", f"team {name}", {"title": (None, title)} if title else {}))
        elif name in named and titles[name] != title:
            changes.append(Change("update", f"team {name}", {"title": (titles[name], title)}))
    return changes


def _plan_entity(after: EntityDefinition, before: EntityDefinition | None) -> list[Change]:
    new = after.document()
    if before is None:
        shown = {
            name: (None, value) for name, value in new.items() if name != "name" and value not in ("", None, [], {})
        }
        return [Change("create", f"entity {after.name}", shown)]
    old = before.document()
    fields = {name: (old[name], value) for name, value in new.items() if old[name] != value}
    return [Change("update", f"entity {after.name}", fields)] if fields else []


def _plan_sections(entry: Entry[EntityDefinition], stored: Entity | None) -> tuple[list[Change], list[FieldError]]:
    changes: list[Change] = []
    errors: list[FieldError] = []
    for name, section in SECTIONS.items():
        wanted = entry.sections[name]
        try:
            changes += section.plan(
                entity_name=entry.definition.name, entity_id=stored.pk if stored else None, wanted=wanted
            )
        except ValidationFailed as error:
            errors += locate_section_errors(entry, name, error)
    return changes, errors


def _check_dependencies(
    entries: Sequence[Entry[EntityDefinition]], before: dict[str, EntityDefinition], *, doomed: set[str]
) -> list[FieldError]:
    after = {name: definition for name, definition in before.items() if name not in doomed}
    after |= {entry.definition.name: entry.definition for entry in entries}
    errors = []
    for entry in entries:
        for index, dependency in enumerate(entry.definition.depends_on):
            if dependency.name == entry.definition.name:
                errors.append(FieldError(entry.locate("depends_on", index), "an entity cannot depend on itself"))
            elif dependency.name not in after:
                fate = "is not in the files and would be deleted" if dependency.name in doomed else "does not exist"
                errors.append(FieldError(entry.locate("depends_on", index), f"entity {dependency.name!r} {fate}"))
    cycle = find_cycle(
        Edge(name, dependency.name)
        for name, definition in after.items()
        for dependency in definition.depends_on
        if dependency.strength is Strength.HARD and dependency.name != name
    )
    if cycle:
        culprit = next(entry for entry in entries if entry.definition.name in cycle)
        message = f"hard dependencies form a cycle: {' -> '.join(cycle)}"
        errors.append(FieldError(culprit.locate("depends_on"), message))
    return errors

"""The section ``breakers`` of the catalogue file."""

from collections.abc import Collection, Mapping
from typing import Any

from core.errors import FieldError, ValidationFailed
from core.permissions import Principal
from core.validation import SUMMARY
from entities.catalog.sections import Change
from ops.breakers import services
from ops.breakers.definition import (
    SourceDefinition,
    brief_document_of,
    changed_fields,
    keep_secrets,
    mask_document,
    parse_source,
)
from ops.breakers.models import SOURCES_PER_ENTITY_MAX, BreakerSource


class BreakersSection:
    """The sources of breakers below an entity; those that the file leaves out are deleted."""

    def plan(self, *, entity_name: str, entity_id: int | None, wanted: list[dict[str, Any]]) -> list[Change]:
        stored = _stored_sources(entity_id)
        definitions = _parse_all(wanted, stored)
        kept = {definition.name for definition in definitions}
        changes = [Change("delete", f"breaker source {entity_name}/{name}") for name in stored if name not in kept]
        for definition in definitions:
            what, kind = f"breaker source {entity_name}/{definition.name}", definition.common.kind
            if definition.name in stored:
                if changed := changed_fields(stored[definition.name], definition):
                    changes.append(Change("update", what, _masked(changed, kind)))
            else:
                new = {key: (None, value) for key, value in definition.brief_document().items()}
                changes.append(Change("create", what, _masked(new, kind)))
        return changes

    def apply(self, *, principal: Principal, entity_id: int, wanted: list[dict[str, Any]]) -> list[Change]:
        definitions = _parse_all(wanted, _stored_sources(entity_id))
        kinds = {definition.name: definition.common.kind for definition in definitions}
        saved = services.save_sources(principal=principal, entity_id=entity_id, definitions=definitions)
        return [
            Change(item.action, f"breaker source {item.name}", _masked(item.changed, kinds.get(item.name, "")))
            for item in saved
            if item.action
        ]

    def export(self, entity_ids: Collection[int]) -> Mapping[int, list[dict[str, Any]]]:
        exported: dict[int, list[dict[str, Any]]] = {}
        for source in BreakerSource.objects.filter(entity_id__in=entity_ids).order_by("name"):
            exported.setdefault(source.entity_id, []).append(brief_document_of(source))
        return exported


def _stored_sources(entity_id: int | None) -> dict[str, BreakerSource]:
    if entity_id is None:
        return {}
    return {source.name: source for source in BreakerSource.objects.filter(entity_id=entity_id).order_by("name")}


def _parse_all(wanted: list[dict[str, Any]], stored: Mapping[str, BreakerSource]) -> list[SourceDefinition]:
    """Raises ``ValidationFailed`` with the errors of all of them, each below its index."""
    definitions: list[SourceDefinition] = []
    errors: list[FieldError] = []
    for index, data in enumerate(wanted):
        try:
            definition = parse_source({str(key): value for key, value in data.items()})
            definition = keep_secrets(definition, stored.get(definition.name))
        except ValidationFailed as error:
            errors += [FieldError(f"{index}.{wrong.field}", wrong.message) for wrong in error.errors]
            continue
        if any(definition.name == other.name for other in definitions):
            errors.append(FieldError(f"{index}.name", f"the entity has another source named {definition.name!r}"))
        definitions.append(definition)
    if len(wanted) > SOURCES_PER_ENTITY_MAX:
        errors.append(FieldError(str(SOURCES_PER_ENTITY_MAX), f"over the limit of {SOURCES_PER_ENTITY_MAX} sources"))
    if errors:
        raise ValidationFailed(SUMMARY, errors=tuple(errors))
    return definitions


def _masked(changed: Mapping[str, tuple[Any, Any]], kind: str) -> dict[str, tuple[Any, Any]]:
    """Fields with their values before and after, without secrets."""
    kind_before, kind_after = changed.get("kind", (kind, kind))
    before = mask_document({name: old for name, (old, _) in changed.items()}, kind=kind_before or kind)
    after = mask_document({name: new for name, (_, new) in changed.items()}, kind=kind_after or kind)
    return {name: (before[name], after[name]) for name in changed}

"""The section ``breakers`` of the catalogue file."""

from collections.abc import Collection, Mapping
from typing import Any

from core.permissions import Principal
from entities.catalog.sections import Change
from ops.breakers import services
from ops.breakers.definition import brief_document_of, changed_fields, mask_changes, parse_all
from ops.breakers.models import BreakerSource


class BreakersSection:
    """The sources of breakers below an entity; those that the file leaves out are deleted."""

    def plan(self, *, entity_name: str, entity_id: int | None, wanted: list[dict[str, Any]]) -> list[Change]:
        stored = _stored_sources(entity_id)
        definitions = parse_all(wanted, stored)
        kept = {definition.name for definition in definitions}
        changes = [Change("delete", f"breaker source {entity_name}/{name}") for name in stored if name not in kept]
        for definition in definitions:
            what, kind = f"breaker source {entity_name}/{definition.name}", definition.common.kind
            if definition.name in stored:
                if changed := changed_fields(stored[definition.name], definition):
                    changes.append(Change("update", what, mask_changes(changed, kind=kind)))
            else:
                new = {key: (None, value) for key, value in definition.brief_document().items()}
                changes.append(Change("create", what, mask_changes(new, kind=kind)))
        return changes

    def apply(self, *, principal: Principal, entity_id: int, wanted: list[dict[str, Any]]) -> list[Change]:
        definitions = parse_all(wanted, _stored_sources(entity_id))
        kinds = {definition.name: definition.common.kind for definition in definitions}
        saved = services.save_sources(principal=principal, entity_id=entity_id, definitions=definitions)
        return [
            Change(
                item.action, f"breaker source {item.name}", mask_changes(item.changed, kind=kinds.get(item.name, ""))
            )
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

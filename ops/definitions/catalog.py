"""A section of the catalogue file: the definitions below an entity; those that the file leaves out are deleted."""

from collections.abc import Collection, Mapping
from typing import Any

from core.permissions import Principal
from entities.catalog.sections import Change
from ops.definitions.definition import Kind, Named
from ops.definitions.models import Defined
from ops.definitions.writing import Writer


class DefinitionsSection[C: Named, K: Kind, R: Defined]:
    def __init__(self, writer: Writer[C, K, R]) -> None:
        self._writer = writer
        self._definitions = writer.definitions

    def plan(self, *, entity_name: str, entity_id: int | None, wanted: list[dict[str, Any]]) -> list[Change]:
        definitions, noun = self._definitions, self._definitions.noun
        stored = self._stored(entity_id)
        parsed = definitions.parse_all(wanted, stored)
        kept = {definition.name for definition in parsed}
        changes = [Change("delete", f"{noun} {entity_name}/{name}") for name in stored if name not in kept]
        for definition in parsed:
            what, kind = f"{noun} {entity_name}/{definition.name}", definition.common.kind
            if definition.name in stored:
                if changed := definitions.changed_fields(stored[definition.name], definition):
                    changes.append(Change("update", what, definitions.mask_changes(changed, kind=kind)))
            else:
                new = {key: (None, value) for key, value in definition.brief_document().items()}
                changes.append(Change("create", what, definitions.mask_changes(new, kind=kind)))
        return changes

    def apply(self, *, principal: Principal, entity_id: int, wanted: list[dict[str, Any]]) -> list[Change]:
        definitions, noun = self._definitions, self._definitions.noun
        parsed = definitions.parse_all(wanted, self._stored(entity_id))
        kinds = {definition.name: definition.common.kind for definition in parsed}
        saved = self._writer.save_all(principal=principal, entity_id=entity_id, definitions=parsed)
        masked = {item.name: definitions.mask_changes(item.changed, kind=kinds.get(item.name, "")) for item in saved}
        return [Change(item.action, f"{noun} {item.name}", masked[item.name]) for item in saved if item.action]

    def export(self, entity_ids: Collection[int]) -> Mapping[int, list[dict[str, Any]]]:
        exported: dict[int, list[dict[str, Any]]] = {}
        for row in self._definitions.rows().filter(entity_id__in=entity_ids).order_by("name"):
            exported.setdefault(row.entity_id, []).append(self._definitions.brief_document_of(row))
        return exported

    def _stored(self, entity_id: int | None) -> dict[str, R]:
        if entity_id is None:
            return {}
        rows = self._definitions.rows().filter(entity_id=entity_id).order_by("name")
        return {row.name: row for row in rows}

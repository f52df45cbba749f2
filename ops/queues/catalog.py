"""The section ``queues`` of the catalogue file."""

from collections.abc import Collection, Mapping
from typing import Any

from core.errors import FieldError, ValidationFailed
from core.permissions import Principal
from core.validation import SUMMARY
from entities.catalog.sections import Change
from ops.queues import services
from ops.queues.definition import (
    QUEUES_PER_ENTITY_MAX,
    QueueDefinition,
    brief_document_of,
    changed_fields,
    keep_secrets,
    mask_document,
    parse_queue,
)
from ops.queues.models import Queue


class QueuesSection:
    """The queues below an entity; those that the file leaves out are deleted."""

    def plan(self, *, entity_name: str, entity_id: int | None, wanted: list[dict[str, Any]]) -> list[Change]:
        stored = _stored_queues(entity_id)
        definitions = _parse_all(wanted, stored)
        kept = {definition.name for definition in definitions}
        changes = [Change("delete", f"queue {entity_name}/{name}") for name in stored if name not in kept]
        for definition in definitions:
            what = f"queue {entity_name}/{definition.name}"
            if definition.name in stored:
                if changed := changed_fields(stored[definition.name], definition):
                    changes.append(Change("update", what, _masked(changed, definition.common.kind)))
            else:
                new = {key: (None, value) for key, value in definition.brief_document().items()}
                changes.append(Change("create", what, _masked(new, definition.common.kind)))
        return changes

    def apply(self, *, principal: Principal, entity_id: int, wanted: list[dict[str, Any]]) -> list[Change]:
        definitions = _parse_all(wanted, _stored_queues(entity_id))
        kinds = {definition.name: definition.common.kind for definition in definitions}
        saved = services.save_queues(
            principal=principal, entity_id=entity_id, definitions=definitions, delete_others=True
        )
        return [
            Change(item.action, f"queue {item.name}", _masked(item.changed, kinds.get(item.name, "")))
            for item in saved
            if item.action
        ]

    def export(self, entity_ids: Collection[int]) -> Mapping[int, list[dict[str, Any]]]:
        exported: dict[int, list[dict[str, Any]]] = {}
        for queue in Queue.objects.filter(entity_id__in=entity_ids).order_by("name"):
            exported.setdefault(queue.entity_id, []).append(brief_document_of(queue))
        return exported


def _masked(changed: Mapping[str, tuple[Any, Any]], kind: str) -> dict[str, tuple[Any, Any]]:
    kind_before, kind_after = changed.get("kind", (kind, kind))
    before = mask_document({name: old for name, (old, _) in changed.items()}, kind=kind_before or kind)
    after = mask_document({name: new for name, (_, new) in changed.items()}, kind=kind_after or kind)
    return {name: (before[name], after[name]) for name in changed}


def _stored_queues(entity_id: int | None) -> dict[str, Queue]:
    if entity_id is None:
        return {}
    return {queue.name: queue for queue in Queue.objects.filter(entity_id=entity_id).order_by("name")}


def _parse_all(wanted: list[dict[str, Any]], stored: Mapping[str, Queue]) -> list[QueueDefinition]:
    """Raises ``ValidationFailed`` with the errors of all of them, each below its index."""
    definitions: list[QueueDefinition] = []
    errors: list[FieldError] = []
    for index, data in enumerate(wanted):
        try:
            definition = parse_queue({str(key): value for key, value in data.items()})
            definition = keep_secrets(definition, stored.get(definition.name))
        except ValidationFailed as error:
            errors += [FieldError(f"{index}.{wrong.field}", wrong.message) for wrong in error.errors]
            continue
        if any(definition.name == other.name for other in definitions):
            errors.append(FieldError(f"{index}.name", f"the entity has another queue named {definition.name!r}"))
        definitions.append(definition)
    if len(wanted) > QUEUES_PER_ENTITY_MAX:
        errors.append(FieldError(str(QUEUES_PER_ENTITY_MAX), f"over the limit of {QUEUES_PER_ENTITY_MAX} queues"))
    if errors:
        raise ValidationFailed(SUMMARY, errors=tuple(errors))
    return definitions

"""A definition as it stands in a form: from what was typed to its data and back, and what is wrong with it."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.http import QueryDict

from core.errors import FieldError, NotFound, ValidationFailed
from core.form_fields import FormField
from entities.selectors import find_entity
from ops.definitions.definition import Definition, Definitions, Kind, Named
from ops.definitions.form_fields import as_typed, in_plain_words, read_field
from ops.definitions.models import Defined


def read_typed(typed: QueryDict, fields: Iterable[FormField], kind: Kind) -> dict[str, Any]:
    """What was typed, as the catalogue file would say it; what is empty is not said."""
    data: dict[str, Any] = {"kind": kind.name}
    for field in fields:
        if field.name not in typed and field.kind not in {"checkbox", "lines"}:
            continue
        value = read_field(field, typed.get(field.name, ""), kind.Config)
        if value is not None:
            data[field.name] = value
    return data


def write_typed[C: Named, K: Kind](definition: Definition[C, K]) -> Mapping[str, str]:
    """A definition as it stands in the form's fields."""
    return {name: as_typed(value) for name, value in definition.document().items()}


def judge_typed[C: Named, K: Kind, R: Defined](
    definitions: Definitions[C, K, R], data: Mapping[str, Any], *, entity_ref: str, stored: R | None
) -> tuple[Definition[C, K] | None, tuple[FieldError, ...]]:
    """The definition, if its fields are fine, and everything that is wrong, the entity included.

    ``stored`` is the one that is edited; it stays with its entity, and paused if it is.
    """
    definition, errors = None, []
    try:
        definition = definitions.parse({**data, "paused": stored is not None and stored.paused})
        definition = definitions.keep_secrets(definition, stored)
    except ValidationFailed as error:
        definition, errors = None, [FieldError(wrong.field, in_plain_words(wrong.message)) for wrong in error.errors]
    if stored is not None:
        entity_id = stored.entity_id
    else:
        try:
            entity_id = find_entity(entity_ref).pk
        except NotFound as error:
            return definition, (FieldError("entity", error.message if entity_ref else "Required"), *errors)
    others = definitions.rows().filter(entity_id=entity_id, name=data.get("name", ""))
    if others.exclude(pk=stored.pk if stored else None).exists():
        errors.append(FieldError("name", f"The entity already has a {definitions.noun} of this name"))
    return definition, tuple(errors)

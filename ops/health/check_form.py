"""The form of a check: from what was typed to a definition's data and back, and what is wrong with it."""

import re
from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

from core.errors import FieldError, NotFound, ValidationFailed
from core.form_fields import FormField, Mark, split_lines
from entities.selectors import find_entity
from ops.health.check_fields import check_fields
from ops.health.checks.kind import CheckKind
from ops.health.conditions import ConditionSyntaxError, parse_condition
from ops.health.definition import CheckDefinition, keep_secrets, parse_check
from ops.health.models import Check
from ops.health.selectors.names import is_name_taken
from ops.probing.form_fields import as_typed, in_plain_words, read_field


def read_check_form(form: QueryDict, kind: CheckKind) -> dict[str, Any]:
    """What was typed, as the catalogue file would say it; what is empty is not said."""
    data: dict[str, Any] = {"kind": kind.name}
    for field in check_fields(kind):
        value = read_field(field, form.get(field.name, ""), kind.Config)
        if value is not None:
            data[field.name] = value
    return data


def write_check_form(definition: CheckDefinition) -> Mapping[str, str]:
    """A definition as it stands in the form's fields."""
    return {name: as_typed(value) for name, value in definition.document().items()}


def judge_check_form(
    data: Mapping[str, Any], *, entity_ref: str, stored: Check | None = None
) -> tuple[CheckDefinition | None, tuple[FieldError, ...]]:
    """The definition, if the fields of the check are fine, and everything that is wrong, the entity included.

    ``stored`` is the check that is edited; it stays with its entity, and paused if it is.
    """
    definition, errors = None, []
    try:
        definition = keep_secrets(parse_check({**data, "paused": stored is not None and stored.paused}), stored)
    except ValidationFailed as error:
        errors = [FieldError(wrong.field, in_plain_words(wrong.message)) for wrong in error.errors]
    if stored is not None:
        entity_id = stored.entity_id
    else:
        try:
            entity_id = find_entity(entity_ref).pk
        except NotFound as error:
            return definition, (FieldError("entity", error.message if entity_ref else "Required"), *errors)
    name = data.get("name", "")
    if name and is_name_taken(entity_id=entity_id, name=name, except_uid=stored.uid if stored else ""):
        errors.append(FieldError("name", "The entity already has a check of this name"))
    return definition, tuple(errors)


def find_marks(field: FormField, kind: CheckKind) -> tuple[Mark, ...]:
    """Where the conditions of a filled field stop making sense; none for any other field."""
    if field.name not in {"conditions", "degraded_conditions"} or not field.error:
        return ()
    marks = []
    for number, line in enumerate(split_lines(field.value), start=1):
        try:
            parse_condition(line, kind.placeholders)
        except ConditionSyntaxError as error:
            end = _end_of_word(line, error.position)
            message = f"Line {number}: {error.message}"
            marks.append(Mark(message, line[: error.position], line[error.position : end], line[end:]))
    return tuple(marks)


def _end_of_word(line: str, start: int) -> int:
    found = re.compile(r"\S+").match(line, start)
    return found.end() if found else len(line)

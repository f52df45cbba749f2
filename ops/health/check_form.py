"""The form of a check: from what was typed to a definition's data and back, and what is wrong with it."""

import re
from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

from core.errors import FieldError
from core.form_fields import FormField, Mark, split_lines
from ops.health.check_fields import check_fields
from ops.health.checks.kind import CheckKind
from ops.health.conditions import ConditionSyntaxError, parse_condition
from ops.health.definition import DEFINITIONS, CheckDefinition
from ops.health.models import Check
from ops.probing.typed_definition import judge_typed, read_typed


def read_check_form(form: QueryDict, kind: CheckKind) -> dict[str, Any]:
    """What was typed, as the catalogue file would say it; what is empty is not said."""
    return read_typed(form, check_fields(kind), kind)


def judge_check_form(
    data: Mapping[str, Any], *, entity_ref: str, stored: Check | None = None
) -> tuple[CheckDefinition | None, tuple[FieldError, ...]]:
    """As ``judge_typed``; ``stored`` is the check that is edited."""
    return judge_typed(DEFINITIONS, Check.objects.all(), data, entity_ref=entity_ref, stored=stored)


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

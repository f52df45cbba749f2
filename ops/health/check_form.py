"""What is particular to the form of a check: its fields, and where its conditions stop making sense."""

import re

from core.form_fields import FormField, Mark, split_lines
from ops.definitions.sheet import Subject
from ops.health.check_fields import check_fields
from ops.health.checks.kind import CheckKind
from ops.health.conditions import ConditionSyntaxError, parse_condition
from ops.health.definition import DEFINITIONS, CommonFields
from ops.health.models import Check


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


CHECKS: Subject[CommonFields, CheckKind, Check] = Subject(
    DEFINITIONS, check_fields, "Which entity this check speaks for.", find_marks
)

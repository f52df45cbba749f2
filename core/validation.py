"""From a pydantic model's complaints to the platform's own error, with one dotted path a field."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from core.errors import FieldError, ValidationFailed

SUMMARY = "Some fields are not valid"
ERRORS_SHOWN = 50
"""A body of a mebibyte can hold a hundred thousand wrong fields; an answer lists no more than these."""


def field_errors(error: ValidationError) -> tuple[FieldError, ...]:
    return tuple(
        FieldError(field=".".join(str(part) for part in item["loc"]) or "body", message=clean_message(item["msg"]))
        for item in error.errors(include_url=False, include_input=False, include_context=False)[:ERRORS_SHOWN]
    )


def clean_message(message: str) -> str:
    return message.removeprefix("Value error, ")


def parse_model[M: BaseModel](model: type[M], data: Mapping[str, Any]) -> M:
    """``data`` as ``model``.

    Raises ``ValidationFailed`` with every wrong field.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ValidationFailed(SUMMARY, errors=field_errors(error)) from None

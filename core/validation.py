"""From a pydantic model's complaints to the platform's own error, with one dotted path a field."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError

from core.errors import FieldError, ValidationFailed

SUMMARY = "Some fields are not valid"
ERRORS_SHOWN = 50
"""A body of a mebibyte can hold a hundred thousand wrong fields; an answer lists no more than these."""


def field_errors(error: ValidationError) -> tuple[FieldError, ...]:
    return tuple(
        FieldError(field=".".join(str(part) for part in item["loc"]), message=message_of(item))
        for item in error.errors(include_url=False)[:ERRORS_SHOWN]
    )


def message_of(item: Mapping[str, Any]) -> str:
    """What one of pydantic's errors says, in words for people who know nothing of Python's types."""
    match item["type"]:
        case "too_long" | "too_short" | "string_too_long" | "string_too_short":
            return _length_message(item)
        case "list_type" | "tuple_type" | "set_type" | "frozen_set_type":
            return "Input should be a list"
        case "dict_type" | "model_type" | "model_attributes_type":
            return "Input should be an object with named fields"
        case "int_parsing_size":
            return "The number is too large"
        case "int_type" if _is_large_whole(item.get("input")):
            return "The number is too large"
        case "int_type" | "int_parsing" | "int_from_float":
            return "Input should be a whole number"
    message: str = item["msg"]
    return message.removeprefix("Value error, ")


def _length_message(item: Mapping[str, Any]) -> str:
    """A text that a function looked at first is a ``Value`` of ``items`` to pydantic."""
    context, given = item["ctx"], item.get("input")
    is_text = item["type"].startswith("string") or (
        context["field_type"] == "Value" and not isinstance(given, (list, tuple, dict))
    )
    limit = context.get("max_length", context.get("min_length"))
    unit = ("character" if is_text else "item") + ("" if limit == 1 else "s")
    return f"Should have at {'most' if 'max_length' in context else 'least'} {limit} {unit}"


def _is_large_whole(value: object) -> bool:
    """A whole number over 64 bits is a float by the time that it was read as JSON."""
    return isinstance(value, float) and value.is_integer() and abs(value) >= 2**63


def wrong_field(field: str, message: str) -> ValidationError:
    """For a rule over several fields to raise: an error of the one that is to be mended."""
    error = PydanticCustomError("value_error", "{words}", {"words": message})
    return ValidationError.from_exception_data("", [{"type": error, "loc": (field,), "input": None}])


def parse_model[M: BaseModel](model: type[M], data: Mapping[str, Any]) -> M:
    """``data`` as ``model``.

    Raises ``ValidationFailed`` with every wrong field.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ValidationFailed(SUMMARY, errors=field_errors(error)) from None

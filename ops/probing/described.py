"""The fields of a model as the API's document describes them, each complete in itself."""

from typing import Any

from pydantic import BaseModel


def described_fields(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of each field by its name, without references to definitions elsewhere."""
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    return {name: _inlined(field, definitions) for name, field in schema["properties"].items()}


def required_fields(model: type[BaseModel]) -> list[str]:
    required: list[str] = model.model_json_schema().get("required", [])
    return required


def _inlined(part: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(part, dict):
        target = definitions.get(part.get("$ref", "").rpartition("/")[2], {})
        return {key: _inlined(value, definitions) for key, value in {**target, **part}.items() if key != "$ref"}
    return [_inlined(item, definitions) for item in part] if isinstance(part, list) else part

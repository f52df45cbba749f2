"""The JSON schema of what people write about something that goes out and looks: the fields of one of several kinds."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from ops.probing.config import KindConfig


def describe_kinds(common: type[BaseModel], kinds: Mapping[str, type[KindConfig]], *, required: bool) -> dict[str, Any]:
    """The common fields with those of one of the kinds; ``required``: as of a new one, which needs some of them."""
    fields, variants = describe_fields(common), []
    for name, config in kinds.items():
        meant = {field: schema for field, schema in fields.items() if field not in config.meaningless}
        properties = {**meant, "kind": {"const": name}, **describe_fields(config)}
        wanted = ["name", "kind", *config.model_json_schema().get("required", ())] if required else []
        variants.append({"title": name, "type": "object", "properties": properties, "required": wanted})
    return {"anyOf": variants or [{"type": "object", "properties": fields}]}


def describe_fields(model: type[BaseModel]) -> dict[str, Any]:
    fields: dict[str, Any] = describe_whole(model)["properties"]
    return fields


def describe_whole(model: type[BaseModel]) -> dict[str, Any]:
    """With nothing referred to elsewhere, so that it can stand inside of another schema."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})

    def inlined(part: Any) -> Any:
        if isinstance(part, dict):
            target = definitions.get(part.get("$ref", "").rpartition("/")[2], {})
            return {key: inlined(value) for key, value in {**target, **part}.items() if key != "$ref"}
        return [inlined(item) for item in part] if isinstance(part, list) else part

    whole: dict[str, Any] = inlined(schema)
    return whole

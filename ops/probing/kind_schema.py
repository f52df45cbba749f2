"""The JSON schema of what people write of something that has a kind: common fields, and those of the kind."""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from ops.probing.config import KindConfig


def schema_of_kinds(
    common: type[BaseModel], kinds: Iterable[tuple[str, type[KindConfig]]], *, required: bool
) -> dict[str, Any]:
    """One variant for each kind; ``required`` unless it describes changes."""
    shared = fields_schema(common)
    variants = []
    for name, config in kinds:
        wanted = ["name", "kind", *config.model_json_schema().get("required", ())] if required else []
        properties = {**shared, "kind": {"const": name}, **fields_schema(config)}
        variants.append({"title": name, "type": "object", "properties": properties, "required": wanted})
    return {"anyOf": variants}


def fields_schema(model: type[BaseModel]) -> dict[str, Any]:
    fields: dict[str, Any] = inlined_schema(model)["properties"]
    return fields


def inlined_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of a model with nothing that refers to definitions: it can stand inside of another one."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})

    def inlined(part: Any) -> Any:
        if isinstance(part, dict):
            target = definitions.get(part.get("$ref", "").rpartition("/")[2], {})
            return {key: inlined(value) for key, value in {**target, **part}.items() if key != "$ref"}
        return [inlined(item) for item in part] if isinstance(part, list) else part

    whole: dict[str, Any] = inlined(schema)
    return whole

"""Controls of the fields of something that goes out and looks, drawn from the models, and what was typed into them.

How a kind says what its fields are called and how they are drawn is told in ``ops.probing.config``.
"""

import re
import types
import typing
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from core.durations import format_duration_ms
from core.form_fields import MORE, FormField, split_lines, split_pairs
from ops.probing.config import KindConfig, Presentation

OWN = "own"
"""The section of what a kind asks for; what is folded away is in ``MORE``."""

_NUMBER = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,12})?")


@dataclass(frozen=True, slots=True)
class KindChoice:
    """A kind as the picker shows it."""

    name: str
    title: str
    presentation: Presentation


def kind_choice(name: str, config: type[KindConfig]) -> KindChoice:
    presentation = config.presentation
    return KindChoice(name, presentation.title or name.capitalize(), presentation)


def draw_field(name: str, info: FieldInfo) -> FormField:
    """The control of one field of a model, from its type and from what the model says about it."""
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    shape = shape_of(info)
    optional = not info.is_required() and (info.default is None or shape in {"pairs", "lines"})
    return FormField(
        name,
        info.title or name.replace("_", " ").capitalize(),
        kind="textarea" if extra.get("multiline") and shape == "text" else shape,
        help=info.description or "",
        options=_options(info, with_none=optional or info.is_required()) if shape == "select" else (),
        placeholder=str(info.examples[0]) if info.examples else "",
        optional=optional,
        mono=shape not in {"select", "checkbox", "number"},
        section=MORE if extra.get("advanced") else OWN,
        value=_default_text(info, shape),
    )


def shape_of(info: FieldInfo) -> str:
    """The kind of control that fits the type of a field: see ``FormField.kind``."""
    plain, aliases = _plain_type(info)
    origin = typing.get_origin(plain) or plain
    if plain is SecretStr:
        return "secret"
    if "Duration" in aliases:
        return "duration"
    if origin is Literal:
        return "select"
    if plain is bool:
        return "checkbox"
    if plain in {int, float}:
        return "number"
    if origin is dict:
        return "pairs"
    return "lines" if origin in {list, tuple, set, frozenset} else "text"


def choices_of(info: FieldInfo) -> dict[str, Any]:
    """The values of a ``Literal``, by how they stand in the form."""
    return {str(choice): choice for choice in typing.get_args(_plain_type(info)[0])}


def _options(info: FieldInfo, *, with_none: bool) -> list[tuple[str, str]]:
    options = [(text, text) for text in choices_of(info)]
    return [("", "Choose…" if info.is_required() else "None"), *options] if with_none else options


def _plain_type(info: FieldInfo) -> tuple[Any, set[str]]:
    """The bare type of a field, without ``None``, and the names of the type aliases on the way to it."""
    kind: Any = info.annotation
    aliases = set()
    while True:
        if isinstance(kind, typing.TypeAliasType):
            aliases.add(kind.__name__)
            kind = kind.__value__
        elif typing.get_origin(kind) is typing.Annotated:
            kind = typing.get_args(kind)[0]
        elif typing.get_origin(kind) in {typing.Union, types.UnionType}:
            parts = [part for part in typing.get_args(kind) if part is not types.NoneType]
            if len(parts) > 1:
                return kind, aliases
            kind = parts[0]
        else:
            return kind, aliases


def _default_text(info: FieldInfo, shape: str) -> str:
    value = None if info.is_required() else info.get_default(call_default_factory=True, validated_data={})
    if value is None or shape == "secret":
        return ""
    return as_typed(format_duration_ms(value) if shape == "duration" else value)


def as_typed(value: object) -> str:
    """A value of a definition's document, as it stands in its control."""
    if isinstance(value, bool):
        return "on" if value else ""
    if isinstance(value, dict):
        return "\n".join(f"{key}: {item}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return "\n".join(str(item) for item in value)
    return "" if value is None else str(value)


def read_field(field: FormField, typed: str, config: type[KindConfig]) -> Any:
    """What was typed, as the catalogue file would say it; None for what is not said."""
    text = typed.strip()
    if field.kind == "checkbox":
        return bool(text)
    if field.kind == "lines":
        return split_lines(text)
    info = config.model_fields.get(field.name)
    if not text:
        # Where a text has a default, empty is something else: that there is none of it.
        return "" if info is not None and field.kind == "text" and isinstance(info.default, str) else None
    match field.kind:
        case "pairs":
            return split_pairs(text)
        case "number" if _NUMBER.fullmatch(text):
            return float(text) if "." in text else int(text)
        case "select" if info is not None:
            return choices_of(info).get(text, text)
        case "textarea":
            return typed.replace("\r\n", "\n")
        case _:
            return text


def in_plain_words(message: str) -> str:
    """The message of a wrong field, as a form says it."""
    return "Required" if message == "Field required" else message[:1].upper() + message[1:]

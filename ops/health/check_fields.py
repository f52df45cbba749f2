"""Controls of the fields of a check, drawn from the models: those that a kind declares, then those of every check.

How a kind says what its fields are called and how they are drawn is told in ``ops.health.checks.kind``.
"""

import types
import typing
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from core.durations import format_duration_ms
from core.form_fields import MORE, FormField
from ops.health.checks import KINDS
from ops.health.checks.kind import CheckKind
from ops.health.definition import CommonFields
from ops.probing.config import Presentation

OWN, RHYTHM = "own", "rhythm"
"""Sections of the form: what is looked at, and when and what is good. What is folded away is in ``MORE``."""

_ASKED_ELSEWHERE = frozenset({"kind", "paused", "retry_interval"})
_NOT_OFFERED = frozenset({"platform"})
"""The platform's own entries have these already; who wants another one writes it in the catalogue file."""


@dataclass(frozen=True, slots=True)
class KindChoice:
    """A kind as the picker shows it."""

    name: str
    title: str
    presentation: Presentation


def kind_choice(kind: CheckKind) -> KindChoice:
    presentation = kind.Config.presentation
    return KindChoice(kind.name, presentation.title or kind.name.capitalize(), presentation)


def kind_choices() -> list[KindChoice]:
    """The kinds that the form offers, in the order of registration."""
    return [kind_choice(kind) for kind in KINDS if kind.name not in _NOT_OFFERED]


def check_fields(kind: CheckKind) -> list[FormField]:
    """The name, what the kind asks for, then the common fields; each says in its ``section`` where it stands."""
    presentation = kind.Config.presentation
    name = FormField("name", "Name", mono=True, placeholder=kind.name, section=OWN, help="Unique within the entity.")
    own = [draw_field(name, info) for name, info in kind.Config.model_fields.items()]
    common = [
        replace(field, value=presentation.suggested.get(field.name, field.value))
        for field in _common_fields(kind, presentation)
    ]
    return [name, *own, *common]


def _common_fields(kind: CheckKind, presentation: Presentation) -> Iterable[FormField]:
    """Those named here in this order; one that ``CommonFields`` has besides is drawn from it and folded away."""
    section = MORE if presentation.waits else RHYTHM
    hints = tuple(f"[{name}]" for name in sorted(kind.placeholders))
    default = f" Without any: {' and '.join(kind.default_conditions)}." if kind.default_conditions else ""
    listed = [
        FormField("interval", "Every", kind="duration", value="1m", section=section),
        FormField(
            "timeout", "Timeout", kind="duration", value="10s", section=section, help="For the whole probe.",
        ),
        FormField(
            "degraded_above", "Degraded above", kind="duration", optional=True, placeholder="300ms", section=section,
            help="Slower than this is degraded.",
        ),
        FormField(
            "conditions", "Healthy when", kind="lines", optional=True, mono=True, section=section, hints=hints,
            placeholder="\n".join(presentation.conditions), help=f"One a line; all must hold.{default}",
        ),
        FormField(
            "degraded_conditions", "Degraded unless", kind="lines", optional=True, mono=True, section=MORE,
            hints=hints, help="One a line. When one fails, the check is degraded, not unhealthy.",
        ),
        FormField(
            "failure_threshold", "Unhealthy after", kind="number", value="1", section=MORE,
            help="So many bad results in a row.",
        ),
        FormField(
            "success_threshold", "Healthy after", kind="number", value="1", section=MORE,
            help="So many good results in a row.",
        ),
        FormField(
            "severity", "Severity", kind="select", value="critical", section=MORE,
            options=[
                ("critical", "critical: unhealthy makes the entity unhealthy"),
                ("warning", "warning: unhealthy makes the entity degraded"),
                ("info", "info: shown here, never counts for the entity"),
            ],
        ),
        FormField(
            "upside_down", "Upside down", kind="checkbox", section=MORE,
            help="It should fail: an answer counts as unhealthy, a failure as healthy.",
        ),
    ]  # fmt: skip
    if not presentation.waits:
        listed.append(
            FormField(
                "retry_interval", "Retry every", kind="duration", optional=True, placeholder="5s", section=MORE,
                help="While the last result was not healthy, instead of the time above; at most as long.",
            )
        )  # fmt: skip
    yield from listed
    seen = {field.name for field in listed} | {"name"} | _ASKED_ELSEWHERE
    for name, info in CommonFields.model_fields.items():
        if name not in seen:
            yield replace(draw_field(name, info), section=MORE)


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

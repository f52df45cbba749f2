"""Fields of the dashboard's forms: what is drawn, what was typed, what is wrong with it.

Rules live in definitions and services; a form only carries text to them and their errors back, so that nothing
typed is ever lost.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from core.errors import FieldError


@dataclass(frozen=True, slots=True)
class FormField:
    """One control. ``kind`` is text, select, textarea, checkbox or number; ``options`` are (value, text).

    ``suggestions`` is offered while typing, ``advanced`` puts the field behind a disclosure.
    """

    name: str
    label: str
    kind: str = "text"
    help: str = ""
    options: Sequence[tuple[str, str]] = ()
    suggestions: Sequence[str] = ()
    placeholder: str = ""
    optional: bool = False
    mono: bool = False
    advanced: bool = False
    rows: int = 3
    value: str = ""
    error: str = ""

    @property
    def described_by(self) -> str:
        parts = [f"{self.name}-error"] if self.error else []
        return " ".join([*parts, f"{self.name}-help"] if self.help else parts)


@dataclass(frozen=True, slots=True)
class FilledForm:
    """Fields with values and errors; ``errors`` belong to no field."""

    fields: tuple[FormField, ...]
    errors: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> FormField:
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)

    @property
    def advanced_error(self) -> bool:
        return any(field.advanced and field.error for field in self.fields)


def fill(
    fields: Iterable[FormField],
    values: Mapping[str, str],
    errors: Sequence[FieldError] = (),
    *,
    message: str = "",
    aliases: Mapping[str, str] | None = None,
) -> FilledForm:
    """The fields with what was typed and what is wrong.

    An error whose path starts with no field's name (after ``aliases``) is told above the form, and so is
    ``message`` when no field took any error.
    """
    fields = list(fields)
    known = {field.name for field in fields}
    by_field: dict[str, list[str]] = {}
    loose = []
    for error in errors:
        head = error.field.partition(".")[0]
        name = (aliases or {}).get(head, head)
        if name in known:
            by_field.setdefault(name, []).append(error.message)
        else:
            loose.append(f"{error.field}: {error.message}")
    if message and not by_field and not loose:
        loose.append(message)
    return FilledForm(
        fields=tuple(
            replace(field, value=values.get(field.name, field.value), error="; ".join(by_field.get(field.name, ())))
            for field in fields
        ),
        errors=tuple(loose),
    )


def split_lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def split_pairs(text: str) -> dict[str, str]:
    """``key: value`` lines as a mapping; a line without a colon becomes a key with an empty value."""
    pairs = {}
    for line in split_lines(text):
        key, _, value = line.partition(":")
        pairs[key.strip()] = value.strip()
    return pairs


def join_pairs(pairs: Mapping[str, str]) -> str:
    return "\n".join(f"{key}: {value}" for key, value in pairs.items())

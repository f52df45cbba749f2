"""Fields of the dashboard's forms: what is drawn, what was typed, what is wrong with it.

Rules live in definitions and services; a form only carries text to them and their errors back, so that nothing
typed is ever lost.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from core.durations import parse_duration_ms, spell_duration_ms
from core.errors import FieldError

MORE = "more"
"""The section of the fields that are folded away."""

_MULTILINE = frozenset({"textarea", "lines", "pairs"})
_SHORT = frozenset({"duration", "number"})


@dataclass(frozen=True, slots=True)
class Mark:
    """The part of a line at which it stops making sense."""

    message: str
    before: str
    wrong: str
    after: str


@dataclass(frozen=True, slots=True)
class FormField:
    """One control. ``options`` of a select are (value, text).

    ``kind`` is text, textarea, number, duration, select, checkbox, secret, lines (a list, one a line) or pairs
    (``key: value``, one a line). ``suggestions`` are offered while typing, ``hints`` are texts to insert.
    ``section`` says where in the form the field stands. ``marks`` tell an error of one line more closely.
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
    hints: Sequence[str] = ()
    section: str = ""
    rows: int = 3
    value: str = ""
    error: str = ""
    marks: Sequence[Mark] = ()

    @property
    def is_multiline(self) -> bool:
        return self.kind in _MULTILINE

    @property
    def is_short(self) -> bool:
        return self.kind in _SHORT

    @property
    def help_text(self) -> str:
        if self.kind == "secret" and self.value:
            return f"{self.help} Stored; type to replace, empty to remove.".strip()
        return self.help

    @property
    def described_by(self) -> str:
        return f"n-{self.name} {self.name}-help" if self.help_text else f"n-{self.name}"

    @property
    def echo(self) -> str:
        """A duration as people say it; empty for anything else, and for what is none."""
        try:
            return spell_duration_ms(parse_duration_ms(self.value)) if self.kind == "duration" and self.value else ""
        except ValueError:
            return ""


@dataclass(frozen=True, slots=True)
class StoredField:
    """A field that has another value now than the form; ``value`` is empty when it has none."""

    name: str
    label: str
    value: str


@dataclass(frozen=True, slots=True)
class StaleEdit:
    """What others saved since the form was begun, up to ``version``.

    ``actor`` and ``at`` are of the last who did; empty and None where the audit does not know.
    """

    version: int
    actor: str
    at: dt.datetime | None
    fields: tuple[StoredField, ...]


@dataclass(frozen=True, slots=True)
class FilledForm:
    """Fields with values and errors; ``errors`` belong to no field. ``stale`` is there when that is why it failed."""

    fields: tuple[FormField, ...]
    errors: tuple[str, ...] = ()
    stale: StaleEdit | None = None

    def __getitem__(self, name: str) -> FormField:
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)

    def section(self, name: str) -> list[FormField]:
        return [field for field in self.fields if field.section == name]

    @property
    def wrong(self) -> list[FormField]:
        return [field for field in self.fields if field.error]

    @property
    def folded_error(self) -> bool:
        return any(field.section == MORE for field in self.wrong)


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
    known = {field.name: field for field in fields}
    by_field: dict[str, dict[str, list[int]]] = {}
    loose = []
    for error in errors:
        head, _, rest = error.field.partition(".")
        name = (aliases or {}).get(head, head)
        if name in known:
            lines = by_field.setdefault(name, {}).setdefault(error.message, [])
            lines += _lines_of(known[name], values.get(name, ""), rest)
        else:
            loose.append(str(error))
    if message and not by_field and not loose:
        loose.append(message)
    return FilledForm(
        fields=tuple(
            replace(field, value=values.get(field.name, field.value), error=_tell(by_field.get(field.name, {})))
            for field in known.values()
        ),
        errors=tuple(loose),
    )


def _lines_of(field: FormField, text: str, rest: str) -> list[int]:
    """The line of the field that an error is about, as people count; none when it is about all of it."""
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if field.kind == "lines" and (index := rest.partition(".")[0]).isdigit():
        return [number for number, _ in lines[int(index) :][:1]]
    if field.kind == "pairs" and rest:
        keys = ((number, line.partition(":")[0].strip()) for number, line in lines)
        return [number for number, key in keys if rest == key or rest.startswith(f"{key}.")][:1]
    return []


def _tell(messages: Mapping[str, Sequence[int]]) -> str:
    """Each message once, with the lines that it is about."""
    return "; ".join(
        f"Line{'s' if len(lines) > 1 else ''} {', '.join(map(str, lines))}: {message}" if lines else message
        for message, lines in messages.items()
    )


def split_lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def split_pairs(text: str) -> dict[str, str]:
    """``key: value`` lines as a mapping. What it cannot hold is told by ``find_wrong_pairs``."""
    pairs = {}
    for line in split_lines(text):
        key, _, value = line.partition(":")
        pairs[key.strip()] = value.strip()
    return pairs


def find_wrong_pairs(name: str, text: str) -> list[FieldError]:
    """Lines that ``split_pairs`` would lose something of, without a colon or with a key that was there, as an error of
    the field ``name``."""
    message = _tell(_wrong_lines(text))
    return [FieldError(name, message)] if message else []


def _wrong_lines(text: str) -> Mapping[str, Sequence[int]]:
    first: dict[str, int] = {}
    wrong: dict[str, list[int]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        key, colon, _ = (part.strip() for part in line.partition(":"))
        if key and not colon:
            wrong.setdefault("expected a name, a colon and a value", []).append(number)
        elif colon and first.setdefault(key, number) != number:
            wrong.setdefault(f"{key[:40]!r} stands in line {first[key]} already", []).append(number)
    return wrong


def join_pairs(pairs: Mapping[str, str]) -> str:
    return "\n".join(f"{key}: {value}" for key, value in pairs.items())

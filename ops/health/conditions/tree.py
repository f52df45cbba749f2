"""The parts of a parsed condition, and how they are evaluated: in time linear in the body, never raising."""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from core.durations import describe_duration_ms, parse_duration_ms
from ops.health.conditions.body import ABSENT, Body, Path

SHOWN_LENGTH = 100
TIMES = frozenset({"RESPONSE_TIME", "CERTIFICATE_EXPIRATION"})
"""Placeholders whose value is a number of milliseconds."""

type Order = Callable[[Any, Any], bool]


@dataclass(frozen=True, slots=True)
class Verdict:
    """``text`` is the condition; of a failed one, with the value that was seen: ``[STATUS] (503) == 200``."""

    ok: bool
    text: str


@dataclass(frozen=True, slots=True)
class Literal:
    text: str
    number: float | None

    def show(self, _value: object) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Pattern:
    """A glob of literal parts with any text between them; matched from left to right in linear time."""

    text: str
    parts: tuple[str, ...]

    def matches(self, text: str) -> bool:
        first, *middle = self.parts
        if not middle:
            return text == first
        *middle, last = middle
        if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
            return False
        position, end = len(first), len(text) - len(last)
        for part in middle:
            position = text.find(part, position, end)
            if position < 0:
                return False
            position += len(part)
        return True

    def show(self, _value: object) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class AnyOf:
    text: str
    options: "tuple[Literal | Pattern | Placeholder, ...]"

    def show(self, _value: object) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Placeholder:
    """``function`` is empty, ``len`` or ``has``."""

    text: str
    name: str
    path: Path
    function: str

    def read(self, values: Mapping[str, object]) -> object:
        value = values.get(self.name, ABSENT)
        if isinstance(value, Body):
            value = self._read_body(value)
        match self.function:
            case "has":
                return value is not ABSENT
            case "len":
                return len(value) if isinstance(value, (str, list, dict)) else ABSENT
            case _:
                return value

    def _read_body(self, body: Body) -> object:
        if self.path:
            return body.find(self.path)
        if self.function == "has":
            return body.text or ABSENT
        if self.function == "len" and isinstance(body.json, (list, dict)):
            return body.json
        return body.text

    def show(self, value: object) -> str:
        if self.name in TIMES and isinstance(value, (int, float)) and not isinstance(value, bool):
            return f"{self.text} ({describe_duration_ms(value)})"
        seen = "absent" if value is ABSENT else _as_text(value)
        return f"{self.text} ({seen if len(seen) <= SHOWN_LENGTH else seen[:SHOWN_LENGTH] + '...'})"


type Operand = Literal | Pattern | AnyOf | Placeholder

ORDERS: dict[str, Order] = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


@dataclass(frozen=True, slots=True)
class Condition:
    text: str
    left: Operand
    sign: str
    right: Operand

    def evaluate(self, values: Mapping[str, object]) -> Verdict:
        """Judge what a probe saw. ``BODY`` is a ``Body``; other values are text, numbers and booleans."""
        left, right = _read(self.left, values), _read(self.right, values)
        if order := ORDERS.get(self.sign):
            ok = _is_ordered(left, right, order)
        else:
            ok = _is_equal(left, right, values) is (self.sign == "==")
        if ok:
            return Verdict(True, self.text)  # noqa: FBT003 - a verdict's first word
        return Verdict(False, f"{self.left.show(left)} {self.sign} {self.right.show(right)}")  # noqa: FBT003


def _read(operand: Operand, values: Mapping[str, object]) -> object:
    return operand.read(values) if isinstance(operand, Placeholder) else operand


def _is_equal(left: object, right: object, values: Mapping[str, object]) -> bool:
    for one, other in ((left, right), (right, left)):
        if isinstance(other, AnyOf):
            return any(_is_equal(one, _read(option, values), values) for option in other.options)
        if isinstance(other, Pattern):
            return one is not ABSENT and other.matches(_as_text(one))
    if left is ABSENT or right is ABSENT:
        return False
    # Numbers compare by value only where the target sent a number: an id "007" stays apart from "7".
    if _is_number(left) or _is_number(right):
        first, second = _as_number(left), _as_number(right)
        if first is not None and second is not None:
            return first == second
    return _as_text(left) == _as_text(right)


def _is_ordered(left: object, right: object, order: Order) -> bool:
    first, second = _as_number(left), _as_number(right)
    return first is not None and second is not None and order(first, second)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _as_number(value: object) -> float | None:
    if isinstance(value, Literal):
        return value.number
    if isinstance(value, str):
        return parse_number(value)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (Literal, AnyOf, Pattern)):
        return value.text
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)) or value is None:
        return _dump(value)
    return str(value)


def _dump(value: object) -> str:
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # nested deeper than it writes, though not deeper than it reads
        return "(deeply nested)"


_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?")


def parse_number(text: str) -> float | None:
    """A number, or a duration as milliseconds."""
    if _NUMBER.fullmatch(text):
        return float(text) if not text.lstrip("+-").isdigit() else int(text)
    try:
        return parse_duration_ms(text) if len(text) <= 64 else None
    except ValueError:
        return None

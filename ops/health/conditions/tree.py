"""The parts of a parsed condition, and how they are evaluated: within an ``Effort``, never raising."""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from core.durations import describe_duration_ms, parse_duration_ms
from ops.health.conditions.effort import Effort, TooCostly
from ops.health.conditions.pattern import Pattern
from ops.probing.body import ABSENT, Body, Each, Path

SHOWN_LENGTH = 100
TIMES = frozenset({"RESPONSE_TIME", "CERTIFICATE_EXPIRATION", "REPLICATION_LAG"})
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
        if isinstance(value, Each):
            return Each(tuple(self._apply(item) for item in value.values), value.missing)
        return self._apply(value)

    def _apply(self, value: object) -> object:
        match self.function:
            case "has":
                return value is not ABSENT and value is not None
            case "len" if isinstance(value, (str, list, dict)):
                return len(value)
            case "len":
                return ABSENT if value is ABSENT or value is None else len(_as_text(value))
            case _:
                return value

    def _read_body(self, body: Body) -> object:
        if self.path:
            return body.find_each(self.path) if None in self.path else body.find(self.path)
        if self.function == "has":
            return body.text or ABSENT
        if self.function == "len" and isinstance(body.json, (list, dict)):
            return body.json
        return body.text

    def show(self, value: object) -> str:
        if self.name in TIMES and isinstance(value, (int, float)) and not isinstance(value, bool):
            return f"{self.text} ({describe_duration_ms(value)})"
        if isinstance(value, Each):
            seen = value.missing or ", ".join(_as_seen(item) for item in value.values[:SHOWN_LENGTH])
        else:
            seen = _as_seen(value)
        return f"{self.text} ({seen if len(seen) <= SHOWN_LENGTH else seen[:SHOWN_LENGTH] + '...'})"


type Operand = Literal | Pattern | AnyOf | Placeholder

ORDERS: dict[str, Order] = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


@dataclass(frozen=True, slots=True)
class Condition:
    text: str
    left: Operand
    sign: str
    right: Operand

    def evaluate(self, values: Mapping[str, object], effort: Effort) -> Verdict:
        """Judge what a probe saw. ``BODY`` is a ``Body``; other values are text, numbers and booleans.

        Fails when the effort is used up, which all conditions of one answer share.
        """
        try:
            left, right = _read(self.left, values, effort), _read(self.right, values, effort)
            if isinstance(left, Each) or isinstance(right, Each):
                return self._evaluate_each(left, right, values, effort)
            return self._judge(left, right, values, effort)
        except TooCostly:
            return Verdict(False, f"{self.text} (not judged: the conditions take too long for this answer)")  # noqa: FBT003

    def _evaluate_each(self, left: object, right: object, values: Mapping[str, object], effort: Effort) -> Verdict:
        """Every element must hold, and there must be some; of those that fail the first is told."""
        each = left if isinstance(left, Each) else right
        assert isinstance(each, Each)
        if each.missing:
            return Verdict(False, f"{self.text} ({each.missing})")  # noqa: FBT003
        for item in each.values:
            effort.step()
            verdict = self._judge(*((item, right) if each is left else (left, item)), values, effort)
            if not verdict.ok:
                return verdict
        return Verdict(True, self.text)  # noqa: FBT003

    def _judge(self, left: object, right: object, values: Mapping[str, object], effort: Effort) -> Verdict:
        if order := ORDERS.get(self.sign):
            ok = _is_ordered(left, right, order)
        else:
            ok = _is_equal(left, right, values, effort) is (self.sign == "==")
        if ok:
            return Verdict(True, self.text)  # noqa: FBT003 - a verdict's first word
        return Verdict(False, self._show(left, right))  # noqa: FBT003

    def show(self, values: Mapping[str, object], effort: Effort) -> str:
        """The condition with the values that were seen, as long as the effort lasts."""
        try:
            return self._show(_read(self.left, values, effort), _read(self.right, values, effort))
        except TooCostly:
            return self.text

    def _show(self, left: object, right: object) -> str:
        return f"{self.left.show(left)} {self.sign} {self.right.show(right)}"


def _read(operand: Operand, values: Mapping[str, object], effort: Effort) -> object:
    if not isinstance(operand, Placeholder):
        return operand
    if operand.name == "BODY":
        effort.step()
    return operand.read(values)


def _as_seen(value: object) -> str:
    return "absent" if value is ABSENT else _as_text(value)


def _is_equal(left: object, right: object, values: Mapping[str, object], effort: Effort) -> bool:
    if isinstance(right, (AnyOf, Pattern)):
        return _is_among(left, right, values, effort)
    if isinstance(left, (AnyOf, Pattern)):
        return _is_among(right, left, values, effort)
    if left is ABSENT or right is ABSENT:
        return False
    # Numbers compare by value only where the target sent a number: an id "007" stays apart from "7".
    if _is_number(left) or _is_number(right):
        first, second = _as_number(left), _as_number(right)
        if first is not None and second is not None:
            return first == second
    text, other_text = _as_text(left), _as_text(right)
    if _RADIX.fullmatch(text) or _RADIX.fullmatch(other_text):
        first, second = _as_number(left), _as_number(right)
        return first is not None and first == second
    return text == other_text


def _is_among(value: object, wanted: AnyOf | Pattern, values: Mapping[str, object], effort: Effort) -> bool:
    if isinstance(wanted, Pattern):
        return value is not ABSENT and wanted.matches(_as_text(value), effort)
    if isinstance(value, (dict, list)):
        value = _dump(value)  # once for all of them
    return any(_is_equal(value, _read(option, values, effort), values, effort) for option in wanted.options)


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


_RADIX = re.compile(r"[+-]?0([xX][0-9a-fA-F]{1,16}|[oO][0-7]{1,22}|[bB][01]{1,64})")
_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?")


def parse_number(text: str) -> float | None:
    """A number, also in one of the bases ``0x``, ``0o`` and ``0b``, or a duration as milliseconds."""
    if _NUMBER.fullmatch(text):
        return float(text) if not text.lstrip("+-").isdigit() else int(text)
    if _RADIX.fullmatch(text):
        return int(text, 0)
    try:
        return parse_duration_ms(text) if len(text) <= 64 else None
    except ValueError:
        return None

"""From text to tree."""

import re
from collections.abc import Callable, Collection, Iterator

from ops.health.conditions.pattern import Pattern, PatternSyntaxError, parse_pattern
from ops.health.conditions.tree import ORDERS, AnyOf, Condition, Literal, Operand, Placeholder, parse_number
from ops.probing.http_fetch import HTTP_PLACEHOLDERS

MAX_LENGTH = 1_000
OPTIONS_MAX = 100


class ConditionSyntaxError(ValueError):
    """``position`` is the index in the text where it stopped making sense."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


_SIGNS = ("==", "!=", "<=", ">=", "<", ">")
_PLACEHOLDER = re.compile(r"\[([A-Z_]+)\]")
_STEP = re.compile(
    r"""\.(?P<key>[^.\[\]()\s"']+)|\[(?P<index>[0-9]{1,6}|\*)\]|\.?\[(?P<quote>["'])(?P<quoted>(?:\\.|(?!(?P=quote))[^\\])*)(?P=quote)\]"""
)
_ESCAPED = re.compile(r"\\(.)")
_QUOTED_KEY = re.compile(r"""\[(["'])(?:\\.|(?!\1)[^\\])*\1\]""")
_FUNCTION = re.compile(r"(len|has|pat|any)\(")
_STRAY_SIGN = re.compile(rf"(?:^|(?<=\s))(?:{'|'.join(_SIGNS)}|=)(?=\s|$)")
_ALWAYS_NUMBERS = frozenset({"RESPONSE_TIME", "CERTIFICATE_EXPIRATION"})


def parse_condition(text: str, placeholders: Collection[str]) -> Condition:
    """Parse one condition that may name ``placeholders``. Raises ``ConditionSyntaxError``."""
    if len(text) > MAX_LENGTH:
        raise ConditionSyntaxError(f"longer than {MAX_LENGTH} characters", MAX_LENGTH)
    sign, start = _find_sign(text)
    left = _parse_operand(text, 0, start, placeholders)
    right = _parse_operand(text, start + len(sign), len(text), placeholders)
    sides = ((left, 0), (right, _skip_blanks(text, start + len(sign))))
    if sign in ORDERS:
        _require_numbers(sign, sides)
    else:
        _require_comparable(sides, placeholders)
    if _reads_each(left) and _reads_each(right):
        raise ConditionSyntaxError("[*] stands on one side only", start + len(sign))
    if not any(_reads_placeholder(operand) for operand in (left, right)):
        raise ConditionSyntaxError(f"names nothing to look at, such as {_listed(placeholders)}", 0)
    return Condition(text=text.strip(), left=left, sign=sign, right=right)


def _find_sign(text: str) -> tuple[str, int]:
    """The first sign with blanks around it, else the first: so ``<b>`` may stand on the left of `` == ``."""
    found = list(_signs_outside_brackets(text))
    if not found:
        raise ConditionSyntaxError(f"expected one of {' '.join(_SIGNS)}", _find_stumble(text))
    for sign, position in found:
        if text[position - 1 : position].isspace() and text[position + len(sign) :][:1].isspace():
            return sign, position
    return found[0]


def _find_stumble(text: str) -> int:
    """Where a condition without a sign goes wrong: a bracket that is never closed, a lone ``=``, else its end."""
    opened = []
    for position, character in enumerate(text):
        if character in "([":
            opened.append(position)
        elif character in ")]" and opened:
            opened.pop()
    lone = re.search(r"[=!]", text)
    return opened[-1] if opened else lone.start() if lone else len(text)


def _signs_outside_brackets(text: str) -> Iterator[tuple[str, int]]:
    depth = position = 0
    while position < len(text):
        character = text[position]
        if character == "[" and (key := _QUOTED_KEY.match(text, position)):
            position = key.end()
            continue
        if character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        elif depth <= 0 and character in "=!<>":
            for sign in _SIGNS:
                if text.startswith(sign, position):
                    yield sign, position
                    position += len(sign) - 1
                    break
        position += 1


def _parse_operand(text: str, start: int, end: int, placeholders: Collection[str]) -> Operand:
    raw = text[start:end]
    start += len(raw) - len(raw.lstrip())
    raw = raw.strip()
    if not raw:
        raise ConditionSyntaxError("expected a value", start)
    if found := _FUNCTION.match(raw):
        if not raw.endswith(")"):
            raise ConditionSyntaxError(f"expected ) at the end of {found[1]}(", start + len(raw))
        return _parse_function(found[1], text, start, start + len(raw), placeholders)
    if _PLACEHOLDER.match(raw):
        return _parse_placeholder(raw, start, placeholders, text=raw)
    return _parse_literal(raw, start)


def _skip_blanks(text: str, position: int) -> int:
    return len(text) - len(text[position:].lstrip())


def _parse_function(name: str, text: str, start: int, end: int, placeholders: Collection[str]) -> Operand:
    raw = text[start:end]
    inner, inner_start = raw[len(name) + 1 : -1], start + len(name) + 1
    if name == "pat":
        inner_start += len(inner) - len(inner.lstrip())
        try:
            return parse_pattern(raw, inner.strip())
        except PatternSyntaxError as error:
            raise ConditionSyntaxError(error.message, inner_start + error.position) from None
    if name == "any":
        options = [_parse_operand(text, *bounds, placeholders) for bounds in _split_options(text, start, end)]
        flat = tuple(option for option in options if not isinstance(option, AnyOf))
        if len(flat) < len(options):
            raise ConditionSyntaxError("any() inside any() means nothing", inner_start)
        if len(flat) > OPTIONS_MAX:
            raise ConditionSyntaxError(f"any() takes {OPTIONS_MAX} values at most", inner_start)
        if any(_reads_each(option) for option in flat):
            raise ConditionSyntaxError("[*] means nothing inside any()", inner_start)
        return AnyOf(text=raw, options=flat)
    inner_start += len(inner) - len(inner.lstrip())
    if not _PLACEHOLDER.match(inner.strip()):
        raise ConditionSyntaxError(f"{name}() takes a placeholder such as [BODY].items", inner_start)
    return _parse_placeholder(inner.strip(), inner_start, placeholders, text=raw, function=name)


def _split_options(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The bounds of what stands between the commas of ``any(...)``; commas inside of brackets do not divide."""
    depth, option = 0, start + len("any(")
    for position in range(option, end - 1):
        if text[position] in "([":
            depth += 1
        elif text[position] in ")]":
            depth -= 1
        elif text[position] == "," and depth <= 0:
            yield option, position
            option = position + 1
    yield option, end - 1


def _parse_placeholder(
    raw: str, start: int, placeholders: Collection[str], *, text: str, function: str = ""
) -> Placeholder:
    found = _PLACEHOLDER.match(raw)
    assert found is not None
    if found[1] not in placeholders:
        raise ConditionSyntaxError(f"unknown [{found[1]}]; known: {_listed(placeholders)}", start)
    steps: list[str | int | None] = []
    position = found.end()
    while step := _STEP.match(raw, position):
        steps.append(_read_step(step))
        position = step.end()
    if position < len(raw):
        raise ConditionSyntaxError('expected a path such as .name, [0], [*] or ["a key"]', start + position)
    if steps and found[1] != "BODY":
        raise ConditionSyntaxError(f"[{found[1]}] has no parts", start + found.end())
    return Placeholder(text=text, name=found[1], path=tuple(steps), function=function)


def _read_step(step: re.Match[str]) -> str | int | None:
    if (index := step["index"]) is not None:
        return None if index == "*" else int(index)
    return step["key"] if step["key"] is not None else _ESCAPED.sub(r"\1", step["quoted"])


def _parse_literal(raw: str, start: int) -> Literal:
    if len(raw) >= 2 and raw[0] == raw[-1] and raw[0] in "\"'":
        return Literal(text=raw[1:-1], number=None)
    if stray := _STRAY_SIGN.search(raw):
        raise ConditionSyntaxError(
            f"expected one comparison; a text with {stray[0]} in it stands in quotes", start + stray.start()
        )
    return Literal(text=raw, number=parse_number(raw))


type _Sides = tuple[tuple[Operand, int], tuple[Operand, int]]
"""Each with where it begins."""


def _require_numbers(sign: str, sides: _Sides) -> None:
    for operand, position in sides:
        if isinstance(operand, (Pattern, AnyOf)) or (isinstance(operand, Literal) and operand.number is None):
            raise ConditionSyntaxError(f"{sign} compares numbers and durations such as 500 or 300ms", position)
        if isinstance(operand, Placeholder) and operand.function == "has":
            raise ConditionSyntaxError("has() is == or != true or false", position)


def _require_comparable(sides: _Sides, placeholders: Collection[str]) -> None:
    """What is always a number, or always true or false, compares with what can be equal to it."""
    for (operand, _), (other, position) in (sides, sides[::-1]):
        if not isinstance(operand, Placeholder):
            continue
        if operand.function == "has":
            if not _may_be(other, lambda text: text in {"true", "false"}):
                raise ConditionSyntaxError(f"{operand.text} is true or false", position)
        elif _is_always_number(operand, placeholders) and not _may_be(
            other, lambda text: parse_number(text) is not None
        ):
            raise ConditionSyntaxError(f"{operand.text} is a number; expected one, pat(...) or any(...)", position)


def _may_be(operand: Operand, fits: Callable[[str], bool]) -> bool:
    if isinstance(operand, AnyOf):
        return any(_may_be(option, fits) for option in operand.options)
    return not isinstance(operand, Literal) or fits(operand.text)


def _is_always_number(operand: Placeholder, placeholders: Collection[str]) -> bool:
    """``[STATUS]`` is one where HTTP is spoken, and a word elsewhere, as of gRPC."""
    speaks_http = frozenset(placeholders) >= HTTP_PLACEHOLDERS
    return operand.function == "len" or operand.name in _ALWAYS_NUMBERS or (operand.name == "STATUS" and speaks_http)


def _reads_placeholder(operand: Operand) -> bool:
    if isinstance(operand, AnyOf):
        return any(isinstance(option, Placeholder) for option in operand.options)
    return isinstance(operand, Placeholder)


def _reads_each(operand: Operand) -> bool:
    return isinstance(operand, Placeholder) and None in operand.path


def _listed(placeholders: Collection[str]) -> str:
    return ", ".join(f"[{name}]" for name in sorted(placeholders))

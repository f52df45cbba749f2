"""Prometheus's text format, read for one metric: a selector, and the values of the series that it selects."""

import asyncio
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import re2
from pydantic import AfterValidator, Field

from ops.probing.expression import compile_expression, validate_expression

MATCHERS_MAX = 20
SERIES_MAX = 10_000
INLINE_CHARACTERS = 65_536
"""A longer page is read in a thread."""

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_MATCHER = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*"((?:\\.|[^"\\])*)"\s*(,|(?=\}))')
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:\\.|[^"\\\n])*)"')
_SEPARATOR = re.compile(r"[, ]+")
_ESCAPE = re.compile(r"\\(.)")
_COMPARISON = re.compile(r"\s*(==|!=|<=|>=|<|>)\s*([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?)\s*")

AGGREGATIONS: dict[str, Callable[[list[float]], float]] = {
    "sum": math.fsum,
    "avg": lambda values: math.fsum(values) / len(values),
    "min": min,
    "max": max,
    "count": len,
}
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


@dataclass(frozen=True, slots=True)
class Matcher:
    label: str
    sign: str
    value: str
    program: Any = None

    def matches(self, labels: dict[str, str]) -> bool:
        seen = labels.get(self.label, "")
        if self.program is None:
            return (seen == self.value) is (self.sign == "=")
        return (self.program.fullmatch(seen) is not None) is (self.sign == "=~")


@dataclass(frozen=True, slots=True)
class Selector:
    name: str
    matchers: tuple[Matcher, ...]


def parse_selector(text: str) -> Selector:
    """``name{label="value", other=~"a|b"}``. Raises ``ValueError`` with the position."""
    name = _NAME.match(text)
    if name is None:
        raise _wrong("expected the name of a metric", 0)
    position, matchers = name.end(), list[Matcher]()
    if text[position : position + 1] == "{":
        position += 1
        while text[position : position + 1] != "}":
            found = _MATCHER.match(text, position)
            if found is None or len(matchers) >= MATCHERS_MAX:
                raise _wrong('expected label="value", with =, !=, =~ or !~, and a closing }', position)
            matchers.append(_matcher(found, position))
            position = found.end()
        position += 1
    if position < len(text):
        raise _wrong('expected {label="value"} or the end', position)
    return Selector(name[0], tuple(matchers))


def _validate_selector(text: str) -> str:
    parse_selector(text)
    return text


type MetricSelector = Annotated[str, Field(min_length=1, max_length=1_000), AfterValidator(_validate_selector)]
"""A field with the text of a selector."""


def _matcher(found: re.Match[str], position: int) -> Matcher:
    label, sign, value = found[1], found[2], _unescape(found[3])
    if "~" not in sign:
        return Matcher(label, sign, value)
    try:
        return Matcher(label, sign, value, compile_expression(validate_expression(value)))
    except (ValueError, re2.error) as error:
        raise _wrong(str(error), position) from None


def parse_comparison(text: str) -> tuple[str, float]:
    """``> 5``. Raises ``ValueError``."""
    found = _COMPARISON.fullmatch(text)
    if found is None:
        raise ValueError("expected a comparison with a number, such as > 5, <= 0.9 or == 0")
    return found[1], float(found[2])


def select_values(page: str, selector: Selector) -> list[float]:
    """The values of the series on a page, in time linear in it; NaN is none. At most ``SERIES_MAX`` of them."""
    values: list[float] = []
    for labels, value in read_series(page, selector.name):
        if all(matcher.matches(labels) for matcher in selector.matchers) and not math.isnan(value):
            values.append(value)
        if len(values) >= SERIES_MAX:
            break
    return values


async def select_all(page: str, selectors: Sequence[Selector]) -> list[list[float]]:
    """``select_values`` for each selector; a long page holds up no other probe."""

    def select() -> list[list[float]]:
        return [select_values(page, selector) for selector in selectors]

    if len(page) * len(selectors) <= INLINE_CHARACTERS:
        return select()
    return await asyncio.get_running_loop().run_in_executor(None, select)


def read_series(page: str, name: str) -> Iterator[tuple[dict[str, str], float]]:
    """The labels and value of each series of a metric. Looks at lines alone that begin with the name."""
    start = 0 if page.startswith(name) else page.find(f"\n{name}") + 1
    while start or page.startswith(name):
        end = page.find("\n", start)
        line = page[start : end if end >= 0 else len(page)]
        if (series := _read_line(line, name)) is not None:
            yield series
        start = page.find(f"\n{name}", end) + 1 if end >= 0 else 0
        if not start:
            return


def _read_line(line: str, name: str) -> tuple[dict[str, str], float] | None:
    labels: dict[str, str] = {}
    rest = line[len(name) :]
    if rest.startswith("{"):
        position = 1
        while found := _LABEL.match(rest, position):
            labels[found[1]] = _unescape(found[2])
            position = found.end()
            if (between := _SEPARATOR.match(rest, position)) is not None:
                position = between.end()
        if rest[position : position + 1] != "}":
            return None
        rest = rest[position + 1 :]
    elif not rest[:1].isspace():
        return None
    try:
        return labels, float(rest.split(maxsplit=1)[0])
    except (ValueError, IndexError):
        return None


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda found: "\n" if found[1] == "n" else found[1], text) if "\\" in text else text


def _wrong(message: str, position: int) -> ValueError:
    return ValueError(f"{message}, at character {position + 1}")

"""The glob of ``pat(...)``: ``*`` any text, ``?`` any character, ``[a-z]`` and ``[^a-z]`` one of them, ``\\`` takes the
next character as it is.

Between two ``*`` every segment has a fixed length, so the leftmost place of each is enough and nothing is tried twice.
"""

import re
from dataclasses import dataclass

from ops.health.conditions.effort import Effort

SEGMENT_MAX = 100
"""Characters between two ``*`` of a glob with ``?`` or ``[...]``: what is compared at each place of a text."""

WINDOW = 8_192
"""Places that an expression is tried at in one step: a millisecond at worst."""

_SPECIAL = re.compile(r"[?\[\\]")
_TOKEN = re.compile(
    r"(?P<star>\*+)|(?P<one>\?)|\[(?P<not>\^?)(?P<set>(?:\\.|[^\]\\])+)\]|\\(?P<quoted>.)|(?P<plain>[^*?\[\\])",
    re.DOTALL,
)
_MEMBER = re.compile(r"\\(?P<quoted>.)|(?P<plain>.)", re.DOTALL)


class PatternSyntaxError(ValueError):
    """``position`` is the index in the glob."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


@dataclass(frozen=True, slots=True)
class Segment:
    """What stands between two ``*``: a literal, or an expression without repetition."""

    length: int
    literal: str = ""
    expression: re.Pattern[str] | None = None

    def is_at(self, text: str, position: int) -> bool:
        if self.expression is None:
            return text.startswith(self.literal, position)
        return self.expression.match(text, position) is not None

    def find(self, text: str, start: int, end: int, effort: Effort) -> int:
        """The first place between the bounds, or -1. Raises ``TooCostly``."""
        effort.step()
        if self.expression is None:
            return text.find(self.literal, start, end)
        for window in range(start, end - self.length + 1, WINDOW):
            found = self.expression.search(text, window, min(window + WINDOW + self.length - 1, end))
            if found is not None:
                return found.start()
            effort.step()
        return -1


@dataclass(frozen=True, slots=True)
class Pattern:
    """``text`` is the whole operand."""

    text: str
    segments: tuple[Segment, ...]

    def matches(self, text: str, effort: Effort) -> bool:
        """Raises ``TooCostly``."""
        first, *middle = self.segments
        if not middle:
            return len(text) == first.length and first.is_at(text, 0)
        *middle, last = middle
        position, end = first.length, len(text) - last.length
        if end < position or not first.is_at(text, 0) or not last.is_at(text, end):
            return False
        for segment in middle:
            place = segment.find(text, position, end, effort)
            if place < 0:
                return False
            position = place + segment.length
        return True

    def show(self, _value: object) -> str:
        return self.text


def parse_pattern(text: str, glob: str) -> Pattern:
    """``text`` is the operand as written. Raises ``PatternSyntaxError``."""
    if not _SPECIAL.search(glob):
        return Pattern(text, tuple(Segment(len(part), part) for part in re.split(r"\*+", glob)))
    segments, pieces, position, began = [], list[str](), 0, 0
    while position < len(glob):
        token = _TOKEN.match(glob, position)
        if token is None:
            wanted = "a closing ]" if glob[position] == "[" else "a character after \\"
            raise PatternSyntaxError(f"expected {wanted}; \\{glob[position]} stands for itself", position)
        if token["star"]:
            segments.append(_segment(pieces, began))
            pieces, began = [], token.end()
        else:
            pieces.append(_translate(token))
        position = token.end()
    return Pattern(text, (*segments, _segment(pieces, began)))


def _segment(pieces: list[str], position: int) -> Segment:
    if len(pieces) > SEGMENT_MAX:
        message = f"with ? or [...] there may be {SEGMENT_MAX} characters between two *"
        raise PatternSyntaxError(message, position)
    try:
        expression = re.compile("".join(pieces), re.DOTALL)
    except re.error:
        raise PatternSyntaxError("a range such as a-z goes upwards", position) from None
    return Segment(len(pieces), expression=expression)


def _translate(token: re.Match[str]) -> str:
    if token["one"]:
        return "."
    if token["set"] is None:
        return re.escape(token["plain"] or token["quoted"])
    members = (
        "-" if piece["plain"] == "-" else re.escape(piece["plain"] or piece["quoted"])
        for piece in _MEMBER.finditer(token["set"])
    )
    return f"[{token['not']}{''.join(members)}]"

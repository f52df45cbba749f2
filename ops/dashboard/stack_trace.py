"""A stack trace as it is read: what was raised last comes first, the program's own frames stand out, libraries fold."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

SHOWN_EXCEPTIONS = 5
DETAILED_FRAMES = 30
"""Of all exceptions together; a frame beyond has its place only, so that a page stays small."""
LIBRARY_FRAMES = 50


@dataclass(frozen=True, slots=True)
class SourceLine:
    number: int | None
    text: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class FrameView:
    """``key`` keeps its element, opened or not, through a morph."""

    key: str
    function: str
    place: str
    line: int | None
    is_open: bool
    source: list[SourceLine]
    variables: list[tuple[str, str]]

    @property
    def has_more(self) -> bool:
        return bool(self.source or self.variables)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Frames that follow each other, either all of the program or all of libraries; ``left_out`` are not shown."""

    key: str
    is_library: bool
    frames: list[FrameView]
    left_out: int


@dataclass(frozen=True, slots=True)
class ExceptionView:
    type: str
    value: str
    handled: bool | None
    stretches: list[Stretch]


@dataclass(frozen=True, slots=True)
class Trace:
    exceptions: list[ExceptionView]
    left_out: int


def read_trace(data: Mapping[str, Any]) -> Trace:
    """From the fields of a stored ``ErrorEvent``."""
    raised: Sequence[Mapping[str, Any]] = list(reversed(data.get("exceptions", ())))
    budget = [DETAILED_FRAMES]
    shown = [_exception(number, item, budget) for number, item in enumerate(raised[:SHOWN_EXCEPTIONS])]
    return Trace(shown, max(0, len(raised) - SHOWN_EXCEPTIONS))


def _exception(number: int, raised: Mapping[str, Any], budget: list[int]) -> ExceptionView:
    frames = list(reversed(raised["frames"]))
    has_own = any(frame["in_app"] for frame in frames)
    stretches, position, opened = [], 0, number > 0  # of causes the places alone
    for is_library, found in groupby(frames, key=lambda frame: has_own and not frame["in_app"]):
        stretch = list(found)
        views: list[FrameView] = []
        for frame in stretch[:LIBRARY_FRAMES] if is_library else stretch:
            key = f"f-{number}-{position + len(views)}"
            views.append(_frame(key, frame, is_open=not (is_library or opened), budget=budget))
            opened = opened or not is_library
        stretches.append(Stretch(f"s-{number}-{position}", is_library, views, len(stretch) - len(views)))
        position += len(stretch)
    return ExceptionView(raised["type"], raised["value"], raised["handled"], stretches)


def _frame(key: str, frame: Mapping[str, Any], *, is_open: bool, budget: list[int]) -> FrameView:
    budget[0] -= 1
    has_room = budget[0] >= 0
    return FrameView(
        key=key,
        function=frame["function"] or "?",
        place=frame["filename"] or frame["module"],
        line=frame["line"],
        is_open=is_open and has_room,
        source=list(_source(frame)) if has_room else [],
        variables=[(name, value) for name, value in frame["variables"]] if has_room else [],
    )


def _source(frame: Mapping[str, Any]) -> Iterable[SourceLine]:
    if not frame["source"]:
        return
    line = frame["line"]
    before = frame["before"]
    for place, text in enumerate(before):
        yield SourceLine(None if line is None else line - len(before) + place, text, is_current=False)
    yield SourceLine(line, frame["source"], is_current=True)
    for ahead, text in enumerate(frame["after"]):
        yield SourceLine(None if line is None else line + 1 + ahead, text, is_current=False)

"""How long the oldest message of a list has been there, when no message tells: from what earlier looks saw.

New messages enter on the left, workers take from the right. Each look finds the message that was the newest one at the
look before; what is left of it came since. So every message has a number in order of arrival, and each look leaves a
mark: up to this number they had come by this time. The oldest one waits at least since the first mark that covers it:
this is never more than the truth, and less by at most the time between two looks.
"""

from collections import OrderedDict
from dataclasses import dataclass

MARKS_MAX = 64
LISTS_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Mark:
    """By ``at``, in seconds, messages up to the number ``arrived`` had come."""

    arrived: int
    at: float


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What is known of a list after a look. ``newest`` is its leftmost message, None when it was empty."""

    size: int
    newest: str | None
    marks: tuple[Mark, ...]

    @property
    def arrived(self) -> int:
        return self.marks[-1].arrived

    def waiting_since(self, older: int = 0) -> float | None:
        """The latest time by which the oldest message but so many had come; None when there is none."""
        number = self.arrived - self.size + 1 + older
        return next((mark.at for mark in self.marks if mark.arrived >= number), None) if older < self.size else None


def first_look(size: int, newest: str | None, *, at: float) -> Arrivals:
    return Arrivals(size, newest, (Mark(size, at),))


def next_look(before: Arrivals, *, size: int, newest: str | None, pushed: int | None, at: float) -> Arrivals:
    """``pushed`` counts what lies left of the newest message of ``before``; None when that one is gone, and with it
    all that were older.
    """
    came = size if pushed is None else pushed
    removed = before.size + came - size if pushed is not None else before.size
    oldest = before.arrived - before.size + removed + 1
    marks = [mark for mark in before.marks if mark.arrived >= oldest]
    if came or not marks:
        marks.append(Mark(before.arrived + came, at) if came else before.marks[-1])
    return Arrivals(size, newest, _thinned(marks))


def _thinned(marks: list[Mark]) -> tuple[Mark, ...]:
    """Without every second one of the older half, when there are too many: the messages there seem a little younger."""
    if len(marks) > MARKS_MAX:
        half = MARKS_MAX // 2
        marks[:half] = marks[1:half:2]
    return tuple(marks)


class ArrivalsMemory:
    """What this process knows of lists; those not looked at for the longest are forgotten."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[object, ...], Arrivals] = OrderedDict()

    def get(self, key: tuple[object, ...]) -> Arrivals | None:
        return self._known.get(key)

    def put(self, key: tuple[object, ...], arrivals: Arrivals) -> None:
        self._known[key] = arrivals
        self._known.move_to_end(key)
        if len(self._known) > LISTS_MAX:
            self._known.popitem(last=False)

    def forget(self, key: tuple[object, ...]) -> None:
        self._known.pop(key, None)

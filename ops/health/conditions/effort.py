"""How much judging one answer may cost, whoever wrote the conditions and whatever the target sent."""

import time

_STEPS = 4
"""The clock is asked once in so many steps; none takes longer than to read or write a mebibyte of JSON."""


class TooCostly(Exception):
    """The time is used up."""


class Effort:
    """Processor time of this thread, so that a busy machine makes no condition fail."""

    __slots__ = ("_ends_at", "_left", "_seconds")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._left = _STEPS
        self._ends_at: float | None = None

    def step(self) -> None:
        """Before each piece of work. Raises ``TooCostly``."""
        self._left -= 1
        if self._left > 0:
            return
        now = time.thread_time()
        if self._ends_at is None:
            self._ends_at = now + self._seconds
        elif now > self._ends_at:
            raise TooCostly
        self._left = _STEPS

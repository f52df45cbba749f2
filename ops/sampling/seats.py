"""How many processes of a worker may roll at once, so that other tasks get through.

A seat is a lock on one byte of a nameless file that the children inherit. The kernel frees it when its holder dies,
however it dies.
"""

import contextlib
import fcntl
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

from celery.signals import worker_init

OTHERS = 3
"""Processes that checks leave alone: one for queues, one for breakers, one for everything that takes a moment."""

_processes = 1


@worker_init.connect  # type: ignore[untyped-decorator]
def _note_processes(sender: Any = None, **_kwargs: Any) -> None:
    global _processes  # noqa: PLW0603 - set once, before the worker forks
    _processes = getattr(sender, "concurrency", None) or 1


def is_only_process() -> bool:
    return _processes == 1


def is_crowded() -> bool:
    """Whether those that roll could take every process: checks, queues and breakers, and one is left for the rest."""
    return _processes <= OTHERS


def all_but_others() -> int:
    return max(1, _processes - OTHERS)


class Seats:
    """Made when a module is imported, which is before the worker forks. ``count`` tells how many there are."""

    def __init__(self, count: Callable[[], int]) -> None:
        self._count = count
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process lives

    @contextlib.contextmanager
    def take(self) -> Iterator[bool]:
        """Whether this process has got a seat; it is held inside of the block."""
        seat = next((number for number in range(self._count()) if self._lock(number)), None)
        try:
            yield seat is not None
        finally:
            if seat is not None:
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, seat)

    def _lock(self, number: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
        except OSError:
            return False
        return True

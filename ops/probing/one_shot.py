"""Questions asked on behalf of one request: on a loop of this room's own thread, a few at a time.

People who ask then never take the threads that serve everybody else, and a target that hangs holds up only them.
"""

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import uvloop

from core.egress import current_policy
from core.errors import RateLimited
from ops.probing.probe import ProbeContext, ProbeFailed

SECONDS_MAX = 4.5
"""All the time of a question: a page must end within 5 s."""
AT_ONCE = 3
"""In each web process; it serves eight requests at once by default."""
RETRY_AFTER_SECONDS = 3

_slots = threading.BoundedSemaphore(AT_ONCE)


def ask_once[T](make: Callable[[ProbeContext], Coroutine[Any, Any, T]], *, seconds: float = SECONDS_MAX) -> T:
    """What the coroutine returns, within ``seconds`` and ``SECONDS_MAX``.

    Raises ``ProbeFailed`` as it does and when the time is over, ``RateLimited`` while ``AT_ONCE`` others run.
    """
    with turn():
        return ask_in_turn(make, seconds=seconds)


@contextmanager
def turn() -> Iterator[None]:
    """Raises ``RateLimited`` while ``AT_ONCE`` others have theirs."""
    if not _slots.acquire(blocking=False):
        message = f"{AT_ONCE} such requests are under way; try again in a moment"
        raise RateLimited(message, retry_after_seconds=RETRY_AFTER_SECONDS)
    try:
        yield
    finally:
        _slots.release()


def ask_in_turn[T](make: Callable[[ProbeContext], Coroutine[Any, Any, T]], *, seconds: float = SECONDS_MAX) -> T:
    """As ``ask_once``, for who has a ``turn`` already."""
    seconds = min(seconds, SECONDS_MAX)
    running = asyncio.run_coroutine_threadsafe(make(ProbeContext(seconds, current_policy())), _loop())
    try:
        return running.result(timeout=seconds + 0.3)
    except concurrent.futures.TimeoutError:
        running.cancel()
        raise ProbeFailed("timeout", "it did not end in time", duration_us=round(seconds * 1e6)) from None


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """Made by the first question, hence after the server forked."""
    loop = uvloop.new_event_loop()
    threading.Thread(target=loop.run_forever, name="one-shot", daemon=True).start()
    return loop

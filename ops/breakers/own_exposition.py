"""Our own breakers as Prometheus lines, rendered by hand and kept for some seconds."""

import time
from collections.abc import Iterator

from core.breaker.machine import BreakerState
from ops.breakers.own_selectors import OwnBreakers, read_own_breakers

KEPT_SECONDS = 5.0
_rendered: tuple[float, bytes] = (float("-inf"), b"")


def render_own_breaker_series() -> bytes:
    """At most ``KEPT_SECONDS`` old, so that scrapes by many cost one."""
    global _rendered  # noqa: PLW0603 - replaced as a whole; at worst two threads render the same
    if time.monotonic() - _rendered[0] > KEPT_SECONDS:
        _rendered = (time.monotonic(), "".join(_lines(read_own_breakers())).encode())
    return _rendered[1]


def forget_rendered() -> None:
    global _rendered  # noqa: PLW0603
    _rendered = (float("-inf"), b"")


def _lines(breakers: OwnBreakers) -> Iterator[str]:
    yield "# HELP quarterdeck_own_breaker_store_up Whether the shared store of our own breakers answers.\n"
    yield "# TYPE quarterdeck_own_breaker_store_up gauge\n"
    yield f"quarterdeck_own_breaker_store_up {0 if breakers.is_lost else 1}\n"
    if not breakers.rows:
        return
    names = [_escape(row.name) for row in breakers.rows]
    yield "# HELP quarterdeck_own_breaker_state 1 for the state that the breaker is in.\n"
    yield "# TYPE quarterdeck_own_breaker_state gauge\n"
    for name, row in zip(names, breakers.rows, strict=True):
        for state in BreakerState:
            is_in = 1 if state is row.state else 0
            yield f'quarterdeck_own_breaker_state{{breaker="{name}",state="{state.value}"}} {is_in}\n'
    yield "# HELP quarterdeck_own_breaker_failure_ratio Failed calls of those in the window.\n"
    yield "# TYPE quarterdeck_own_breaker_failure_ratio gauge\n"
    for name, row in zip(names, breakers.rows, strict=True):
        yield f'quarterdeck_own_breaker_failure_ratio{{breaker="{name}"}} {row.failure_share:.4g}\n'


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

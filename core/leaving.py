"""How Celery's processes leave: what others registered is done, and the interpreter is not taken apart.

To collect what a large program holds takes seconds on a busy machine, more than the supervisor waits.
"""

import atexit
import os
import signal
import sys
from types import FrameType
from typing import Any

_exit_code: int | None = None


def prepare_to_leave() -> None:
    """Be the last that is called at the end: whatever is registered later goes before."""
    atexit.register(_leave)


def _leave() -> None:
    if _exit_code is not None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_exit_code)


def leave_with(code: int) -> None:
    """The process is about to end by itself, with this exit code."""
    global _exit_code  # noqa: PLW0603 - it is the process's
    _exit_code = code


def leave_when_told() -> None:
    """Once SIGTERM came, whose handler ends the process by ``SystemExit``."""
    handler: Any = signal.getsignal(signal.SIGTERM)

    def end(number: int, frame: FrameType | None) -> None:
        leave_with(0)
        handler(number, frame)

    signal.signal(signal.SIGTERM, end)

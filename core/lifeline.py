"""Processes that must not outlive their parent.

The kernel clears this wish at every fork, so each process of a tree states it for itself: the supervisor's children
before they exec, the workers that the web server and Celery fork once they run.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when process ``parent`` ends. Does nothing where the kernel cannot."""
    if _libc is None:
        return
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the wish was stated
        os._exit(1)

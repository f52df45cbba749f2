"""The word that the worker is going down, told to the tasks of its child processes.

Celery waits for running tasks but does not tell them. The flag is one byte of memory that parent and children share,
made when this module is imported, which is before the worker forks. A plain byte, because a lock could be held by a
child that was killed.
"""

import mmap
from typing import Any

from celery.signals import worker_shutting_down

_flag = mmap.mmap(-1, 1)


def is_shutting_down() -> bool:
    return _flag[0] != 0


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _announce(**_kwargs: Any) -> None:
    _flag[0] = 1

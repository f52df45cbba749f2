"""What Celery does for Django in its processes, but connections outlive a task as they outlive a request.

Celery's own fixup closes the connection before and after every task, and on PostgreSQL the pool with it: each task
then connects anew, and a thread that works beside the tasks loses its connection in the middle of a statement.
"""

from typing import Any

from celery import Celery, Task
from celery.fixups.django import DjangoFixup, DjangoWorkerFixup
from django.db import close_old_connections

from core.postgresql import forget_inherited_pools


class _WorkerFixup(DjangoWorkerFixup):  # type: ignore[misc]  # it is untyped
    def on_worker_process_init(self, **kwargs: Any) -> None:
        forget_inherited_pools()
        super().on_worker_process_init(**kwargs)

    def on_task_prerun(self, sender: Task, **_kwargs: Any) -> None:
        if not sender.request.is_eager:
            close_old_connections()

    def on_task_postrun(self, sender: Task, **_kwargs: Any) -> None:
        self.on_task_prerun(sender)


class _Fixup(DjangoFixup):  # type: ignore[misc]  # it is untyped
    _own: _WorkerFixup | None = None

    @property
    def worker_fixup(self) -> _WorkerFixup:
        if self._own is None:
            self._own = _WorkerFixup(self.app)
        return self._own


def install_fixup(app: Celery) -> DjangoFixup:
    """For ``Celery(fixups=...)``."""
    return _Fixup(app).install()

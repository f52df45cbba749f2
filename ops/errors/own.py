"""The platform's own errors, kept like everybody's: put on a queue where they happen, spooled by a thread.

The queue is bounded and the thread alone touches the database, so an error costs the one who meets it nothing, and a
database that is away costs the errors, not the platform.
"""

import atexit
import os
import queue
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from django.db import DatabaseError, connection

from core.clock import now_ms
from core.telemetry import metrics
from entities.models import Entity
from ops.errors.models import SpooledEvent

log = structlog.get_logger(__name__)

QUEUE_MAX = 50
TRIES = 3
WAIT_SECONDS = 2.0
EXIT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class _Kept:
    role: str
    received_ms: int
    event: Mapping[str, Any]


class OwnErrors:
    """One of a process; a fork begins with an empty one."""

    def __init__(self) -> None:
        self.reset()
        os.register_at_fork(after_in_child=self.reset)
        atexit.register(self.flush, EXIT_SECONDS)

    def reset(self) -> None:
        self._queue: queue.Queue[_Kept] = queue.Queue(QUEUE_MAX)
        self._lock = threading.Lock()
        self._writer: threading.Thread | None = None

    def keep(self, role: str, event: Mapping[str, Any]) -> None:
        """Never waits. Dropped when too many wait already."""
        try:
            self._queue.put_nowait(_Kept(role, now_ms(), event))
        except queue.Full:
            metrics.ERROR_EVENTS.labels("dropped").inc()
            return
        with self._lock:
            if self._writer is None or not self._writer.is_alive():
                self._writer = threading.Thread(target=self._write, name="own errors", daemon=True)
                self._writer.start()

    def flush(self, seconds: float) -> bool:
        """Wait until all is spooled or given up, not longer than this. Whether it is."""
        deadline = time.monotonic() + seconds
        while self._queue.unfinished_tasks:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def _write(self) -> None:
        while True:
            kept = self._queue.get()
            try:
                _spool(kept)
            except Exception:  # the thread's own boundary: it outlives what it cannot write
                metrics.ERROR_EVENTS.labels("dropped").inc()
                log.warning("errors.own_error_dropped", exc_info=True)
            finally:
                connection.close()
                self._queue.task_done()


def _spool(kept: _Kept) -> None:
    """Raises ``DatabaseError`` once it was tried often enough."""
    payload = orjson.dumps(kept.event, default=str)
    for tries_left in reversed(range(TRIES)):
        try:
            entity_id = Entity.objects.filter(name=f"quarterdeck-{kept.role}").values_list("pk", flat=True).first()
            if entity_id is not None:  # unless somebody removed it from the catalogue
                SpooledEvent.objects.create(entity_id=entity_id, received_ms=kept.received_ms, payload=payload)
            metrics.ERROR_EVENTS.labels("dropped" if entity_id is None else "accepted").inc()
            break
        except DatabaseError:
            connection.close()
            if not tries_left:
                raise
            time.sleep(WAIT_SECONDS)


OWN_ERRORS = OwnErrors()

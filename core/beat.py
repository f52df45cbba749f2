"""The scheduler of Celery beat, with a sign of life.

The schedule is static and in memory: what is due lives in the check rows, so beat needs no state file and two of
them do no harm.
"""

import time
from typing import Any

import structlog
from celery.beat import Scheduler
from django.db import DatabaseError, close_old_connections

from core.pulse import record_pulse

log = structlog.get_logger(__name__)

PULSE_EVERY_SECONDS = 2.0


class PulsingScheduler(Scheduler):  # type: ignore[misc]
    """Record ``scheduler`` as alive while its loop turns."""

    _pulsed_at = float("-inf")

    def tick(self, *args: Any, **kwargs: Any) -> float:
        wait: float = super().tick(*args, **kwargs)
        self._pulse()
        return wait

    def _ensure_connected(self) -> Any:
        """Wait for the broker and stay alive meanwhile: it is the broker that is away, not the scheduler."""

        def tell(error: Exception, interval: float) -> None:
            log.warning("scheduler.broker_away", error=str(error), next_try_seconds=interval)
            self._pulse()

        return self.connection.ensure_connection(tell, self.app.conf.broker_connection_max_retries)

    def _pulse(self) -> None:
        if time.monotonic() - self._pulsed_at < PULSE_EVERY_SECONDS:
            return
        self._pulsed_at = time.monotonic()
        try:
            close_old_connections()
            record_pulse("scheduler")
        except DatabaseError as error:
            log.warning("scheduler.pulse_failed", error=str(error))

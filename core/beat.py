"""The scheduler of Celery beat, with signs of life, and with a schedule that a clock set back does not stop.

The schedule is static and in memory: what is due lives in the check rows, so beat needs no state file and two of
them do no harm.
"""

import time
from typing import Any

import structlog
from celery.beat import Scheduler, SchedulingError
from django.db import DatabaseError, close_old_connections
from kombu.exceptions import OperationalError as BrokerError
from redis import RedisError

from core.pulse import record_pulse
from core.telemetry.error_reports import report_error

log = structlog.get_logger(__name__)

PULSE_EVERY_SECONDS = 2.0
_BROKER_AWAY = (BrokerError, RedisError, OSError)
SET_BACK_SECONDS = 1.0
"""The clock counts as set back when it lost this much against the one that never is."""


class PulsingScheduler(Scheduler):  # type: ignore[misc]
    """Record ``scheduler`` as alive while its loop turns, and ``broker`` when it took what was sent."""

    _pulsed_at = float("-inf")
    _broker_answered = False
    _clock_lead = float("-inf")

    def tick(self, *args: Any, **kwargs: Any) -> float:
        self._follow_clock()
        wait: float = super().tick(*args, **kwargs)
        self._pulse()
        return wait

    def apply_async(self, *args: Any, **kwargs: Any) -> Any:
        try:
            result = super().apply_async(*args, **kwargs)
        except SchedulingError as error:  # Celery logs it and goes on
            if not isinstance(error.__context__, _BROKER_AWAY):
                report_error(error, transaction="beat")
            raise
        self._broker_answered = True
        return result

    def _follow_clock(self) -> None:
        """Begin the schedule anew when the clock was set back: Celery would wait until it is as late as it was."""
        lead = time.time() - time.monotonic()
        lost, self._clock_lead = self._clock_lead - lead, lead
        if lost > SET_BACK_SECONDS:
            log.warning("scheduler.clock_set_back", seconds=round(lost))
            for entry in self.schedule.values():
                entry.last_run_at = entry.default_now()
            self._heap = None

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
            if self._broker_answered:
                record_pulse("broker")
        except DatabaseError as error:
            log.warning("scheduler.pulse_failed", error=str(error))
        self._broker_answered = False

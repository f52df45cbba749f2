"""The long work of listening to the events of Celery apps, by one process of the fleet.

Every process of a worker has a thread for it. One of each host stands in line (a seat), one of those holds the lease in
the database and listens. Where a holder dies another goes on within ``LEASE_MS``; what happens meanwhile is missed.
"""

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from django.db import DatabaseError, InterfaceError, connection

from core.egress import AddressPolicy, current_policy
from core.telemetry.error_reports import report_error
from ops.queues.engine.task_ears import Ears, Heard
from ops.queues.engine.task_lease import release_lease, take_lease
from ops.queues.engine.task_store import BrokerReport, LeaseLost, store_reports
from ops.queues.task_brokers import find_brokers
from ops.queues.task_events import Task, Totals, totals_of
from ops.queues.task_window import TaskWindow
from ops.sampling.seats import Seats
from ops.sampling.shutdown import is_shutting_down

log = structlog.get_logger(__name__)

TURN_SECONDS = 5.0
_LOOK_SECONDS = 0.5
SEATS = Seats(lambda: 1)


class Listening:
    """What one process does; each ``turn`` stores what was heard since the last one."""

    def __init__(self, policy: AddressPolicy) -> None:
        self.holder = f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._policy = policy
        self._ears: Ears | None = None
        self._windows: dict[str, TaskWindow] = {}
        self._unstored: dict[str, dict[Task, Totals]] = {}
        self._stored: set[str] = set()

    @property
    def is_listening(self) -> bool:
        return self._ears is not None

    def turn(self) -> None:
        """Raises the errors of the database; what was heard is then stored by a later turn, while the lease lasts."""
        brokers = find_brokers()
        if not brokers or not take_lease(self.holder):
            self._stop()
            return
        if self._ears is None:
            log.info("queues.listening_began", brokers=len(brokers))
            self._ears = Ears(self._policy)
        self._ears.follow(brokers)
        self._store(self._ears.drain())

    def close(self) -> None:
        """Store what is left and let another go on."""
        if self._ears is not None:
            self._store(self._ears.drain())
            release_lease(self.holder)
        self._stop()

    def _store(self, heard: dict[str, Heard]) -> None:
        now = time.monotonic()
        reports = {key: self._report(key, one, now) for key, one in heard.items()}
        try:
            store_reports(reports, holder=self.holder)
        except LeaseLost:
            self._stop()
            return
        self._unstored.clear()
        self._stored = set(heard)
        for key in self._windows.keys() - heard.keys():
            del self._windows[key]

    def _report(self, key: str, heard: Heard, now: float) -> BrokerReport:
        window = self._windows.setdefault(key, TaskWindow(now))
        forgotten = window.add(heard.totals, now=now)
        unstored = self._unstored.setdefault(key, {})
        for task, totals in heard.totals.items():
            totals_of(unstored, task).merge(totals)
        recent = {task: window.recent(task) for task in window.tasks() | forgotten}
        return BrokerReport(
            totals=unstored,
            recent=recent,
            window_seconds=window.seconds(now),
            begins_window=key not in self._stored,
            workers=heard.workers,
            hosts=heard.hosts,
            listened_seconds=heard.listened_seconds,
            heard_at=heard.heard_at,
            failure=heard.failure,
        )

    def _stop(self) -> None:
        if self._ears is not None:
            self._ears.close()
            log.info("queues.listening_ended")
        self._ears = None
        self._windows.clear()
        self._unstored.clear()
        self._stored.clear()


def listen_until(should_stop: Callable[[], bool]) -> None:
    """Stand in line and listen when it is this process's turn. Never raises."""
    while not _rest(should_stop):
        with SEATS.take() as seated:
            if not seated:
                continue
            listening = Listening(current_policy())
            while not _rest(should_stop):
                _guarded(listening.turn)
            _guarded(listening.close)


def start_listening(**_kwargs: Any) -> None:
    """Belongs behind the fork of a worker's process. The thread ends with the process."""
    threading.Thread(target=listen_until, args=(is_shutting_down,), name="task-statistics", daemon=True).start()


def _rest(should_stop: Callable[[], bool]) -> bool:
    """Wait for the next turn; whether there is none any more."""
    ends_at = time.monotonic() + TURN_SECONDS
    while time.monotonic() < ends_at and not should_stop():
        time.sleep(_LOOK_SECONDS)
    return should_stop()


def _guarded(step: Callable[[], None]) -> None:
    try:
        step()
    except (DatabaseError, InterfaceError) as error:
        log.warning("queues.task_statistics_not_stored", error=str(error))
    except Exception as error:
        log.exception("queues.listening_failed")
        report_error(error, transaction="queues.listen")
    finally:
        connection.close()

"""Whether the platform's own parts work: database, broker, migrations, scheduler, worker.

Every part is asked in a thread of its own, because a store that hangs cannot be interrupted; one that gives no
answer in time has failed. The threads are few and shared: those that hang are not joined by more.
"""

import datetime as dt
import enum
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NoAnswer
from dataclasses import dataclass
from functools import cache

import redis
from django.conf import settings
from django.db import DatabaseError, connection

from core.config import get_config
from core.migration import missing_migrations
from core.pulse import STALE_AFTER_MS, pulse_age_ms
from core.web_address import answers

TOTAL_SECONDS = 2.5
"""What ``/readyz`` may take for all parts together; its promise is 3 s."""

BROKER_SECONDS = WEB_SECONDS = 1.5


class Component(enum.StrEnum):
    DATABASE = "database"
    BROKER = "broker"
    MIGRATIONS = "migrations"
    SCHEDULER = "scheduler"
    WORKER = "worker"
    WEB = "web"


NEEDED_TO_SERVE = tuple(component for component in Component if component is not Component.WEB)
"""What ``/readyz`` asks: a web process that answers need not ask whether one answers."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one component said. ``value`` is in ``unit``; ``output`` says what is wrong and is empty when nothing is."""

    component: Component
    measurement: str
    kind: str
    ok: bool
    at: dt.datetime
    value: float | None = None
    unit: str = ""
    output: str = ""


def read_component(component: Component, *, timeout_seconds: float = TOTAL_SECONDS) -> Reading:
    """Ask one component; never takes longer than the timeout, never raises."""
    return read_components((component,), timeout_seconds=timeout_seconds)[0]


def read_components(
    components: Sequence[Component] = NEEDED_TO_SERVE, *, timeout_seconds: float = TOTAL_SECONDS
) -> list[Reading]:
    """Ask the components at the same time."""
    deadline = time.monotonic() + timeout_seconds
    asked = [(component, _submit(component)) for component in components]
    return [_result(component, future, deadline) for component, future in asked]


@cache
def _executor() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=2 * len(Component), thread_name_prefix="readiness")


_pending: dict[Component, Future[Reading]] = {}
_pending_lock = threading.Lock()


def _submit(component: Component) -> Future[Reading]:
    """A question that is still open is not asked again: whoever comes meanwhile shares its answer."""
    with _pending_lock:
        future = _pending.get(component)
        if future is None or future.done():
            future = _pending[component] = _executor().submit(_ask, component)
        return future


def _result(component: Component, future: Future[Reading], deadline: float) -> Reading:
    measurement, kind, _ = _QUESTIONS[component]
    try:
        return future.result(timeout=max(0.0, deadline - time.monotonic()))
    except NoAnswer:
        return Reading(component, measurement, kind, ok=False, at=_now(), output="no answer in time")


def _ask(component: Component) -> Reading:
    measurement, kind, question = _QUESTIONS[component]
    try:
        value, unit, output = question()
    except (DatabaseError, redis.RedisError, OSError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return Reading(component, measurement, kind, ok=False, at=_now(), output=reason[:200])
    finally:
        connection.close()
    return Reading(component, measurement, kind, ok=not output, at=_now(), value=value, unit=unit, output=output)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


type Answer = tuple[float | None, str, str]


def _database_time() -> Answer:
    started = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    return round((time.perf_counter() - started) * 1000, 2), "ms", ""


def _broker_time() -> Answer:
    started = time.perf_counter()
    client = redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=BROKER_SECONDS, socket_connect_timeout=BROKER_SECONDS, retry=None
    )
    try:
        client.ping()
    finally:
        client.close()
    return round((time.perf_counter() - started) * 1000, 2), "ms", ""


def _web_time() -> Answer:
    started = time.perf_counter()
    if not answers(get_config(), "/healthz", timeout=WEB_SECONDS):
        return None, "ms", "the web server does not answer"
    return round((time.perf_counter() - started) * 1000, 2), "ms", ""


def _missing_migrations() -> Answer:
    missing = missing_migrations()
    return len(missing), "migrations", f"not applied: {', '.join(missing[:5])}" if missing else ""


def _pulse_of(role: str) -> Callable[[], Answer]:
    def read() -> Answer:
        age = pulse_age_ms(role)
        if age is None:
            return None, "s", f"no {role} was ever seen"
        output = f"last seen {age / 1000:.0f} s ago" if age > STALE_AFTER_MS else ""
        return round(age / 1000, 1), "s", output

    return read


_QUESTIONS: dict[Component, tuple[str, str, Callable[[], Answer]]] = {
    Component.DATABASE: ("responseTime", "datastore", _database_time),
    Component.BROKER: ("responseTime", "datastore", _broker_time),
    Component.MIGRATIONS: ("missing", "datastore", _missing_migrations),
    Component.SCHEDULER: ("age", "system", _pulse_of("scheduler")),
    Component.WORKER: ("age", "system", _pulse_of("worker")),
    Component.WEB: ("responseTime", "system", _web_time),
}

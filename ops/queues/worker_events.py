"""What Celery's events tell of workers: who is there and how much each has in hand, in bounded memory. Pure.

A worker says how often it sends a heartbeat. One that sends none is known by its tasks alone: of it nobody can tell
whether it is gone.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

HOSTS_MAX = 1_000
MISSED_HEARTBEATS = 3
GONE_SECONDS = 600.0
"""For so long a worker that is not up any more is told of."""

_INTERVAL_SECONDS = 2.0
_INTERVAL_MIN_SECONDS = 1.0
_INTERVAL_MAX_SECONDS = 120.0
_ACTIVE_MAX = 1_000_000


class Host(NamedTuple):
    """A worker that sends heartbeats. ``active`` tasks are those it told of last, None before it did."""

    is_up: bool
    active: int | None
    interval_seconds: float
    silent_seconds: float


@dataclass(slots=True)
class _Worker:
    """``interval`` is in seconds, None while no heartbeat was heard. Who said goodbye is offline until it is back."""

    seen_at: float
    interval: float | None = None
    active: int | None = None
    is_up: bool = True
    is_offline: bool = False


def is_missed(silent_seconds: float, listened_seconds: float, interval_seconds: float) -> bool:
    """Whether heartbeats are missing. What was silent while nobody listened does not count."""
    return min(silent_seconds, listened_seconds) > MISSED_HEARTBEATS * interval_seconds


def is_forgotten(silent_seconds: float, interval_seconds: float) -> bool:
    return silent_seconds > MISSED_HEARTBEATS * interval_seconds + GONE_SECONDS


class Workers:
    """The ``HOSTS_MAX`` that were heard of last. Moments are in seconds by one clock, that of the listener."""

    def __init__(self) -> None:
        self._workers: OrderedDict[str, _Worker] = OrderedDict()

    def hear_worker(self, hostname: str, kind: str, event: Mapping[str, Any], *, at: float) -> None:
        """An event ``worker-<kind>``; any but ``offline`` is a heartbeat."""
        worker = self._see(hostname, at)
        if worker is None:
            return
        worker.is_offline = kind == "offline"
        worker.is_up = not worker.is_offline
        worker.interval = _interval(event.get("freq")) or worker.interval or _INTERVAL_SECONDS
        worker.active = _count(event.get("active"))

    def hear_task(self, hostname: str, *, at: float) -> None:
        """An event of a task that it runs. Such may come after its goodbye."""
        known = self._workers.get(hostname)
        if known is not None and known.is_offline:
            return
        if (worker := self._see(hostname, at)) is not None:
            worker.is_up = True

    def count(self, since: float) -> int:
        """Those that were heard of since then and are not offline, with or without heartbeats."""
        return sum(worker.seen_at >= since and not worker.is_offline for worker in self._workers.values())

    def look(self, now: float, listened_seconds: float) -> dict[str, Host]:
        """Those with heartbeats, by hostname, after ``listened_seconds`` without a gap. Who is over is forgotten."""
        found: dict[str, Host] = {}
        for hostname, worker in list(self._workers.items()):
            silent, interval = max(0.0, now - worker.seen_at), worker.interval or _INTERVAL_SECONDS
            if is_forgotten(silent, interval):
                del self._workers[hostname]
            elif worker.interval is not None:
                worker.is_up = worker.is_up and not is_missed(silent, listened_seconds, interval)
                found[hostname] = Host(worker.is_up, worker.active, interval, silent)
        return found

    def _see(self, hostname: str, at: float) -> _Worker | None:
        if not hostname:
            return None
        worker = self._workers.setdefault(hostname, _Worker(at))
        worker.seen_at = at
        self._workers.move_to_end(hostname)
        if len(self._workers) > HOSTS_MAX:
            self._workers.popitem(last=False)
        return worker


def _interval(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e9:
        return None
    return min(_INTERVAL_MAX_SECONDS, max(_INTERVAL_MIN_SECONDS, float(value)))


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _ACTIVE_MAX:
        return None
    return value

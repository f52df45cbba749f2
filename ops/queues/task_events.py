"""What Celery's events tell of tasks: counts, times and last failures by task, in bounded memory. Pure.

Events of a task name it by its id alone once it was received: what is remembered of an id is bounded as well, so that
a task whose beginning was missed or forgotten is counted under no name.
"""

from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from core.latency import Histogram, bucket_of, merge_into
from ops.queues.worker_events import Workers

KINDS = ("sent", "received", "started", "succeeded", "failed", "rejected", "revoked", "retried")
"""As celery-exporter names them: ``celery_task_<kind>_total``."""

TASKS_MAX = 500
IN_FLIGHT_MAX = 20_000
FAILURES_KEPT = 5
TRACEBACK_CHARACTERS = 8_000
_NAME_CHARACTERS = 200
_EXCEPTION_CHARACTERS = 500
_TIME_MAX_US = 10**13
UNKNOWN = "unknown"


class Task(NamedTuple):
    """Whose totals are kept apart. ``queue`` is empty unless the app sends ``task-sent`` events."""

    name: str
    queue: str


class Failure(NamedTuple):
    """``at`` is in seconds since the epoch by the worker's clock; the texts are cut, not yet redacted."""

    at: float
    task_id: str
    worker: str
    exception: str
    traceback: str


@dataclass(slots=True)
class Totals:
    """``counts`` are by ``KINDS``; ``runtime`` and ``wait`` are histograms of microseconds (``core.latency``), the sums
    beside them are exact.
    """

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    runtime: Histogram = field(default_factory=dict)
    wait: Histogram = field(default_factory=dict)
    runtime_us: int = 0
    wait_us: int = 0
    failures: deque[Failure] = field(default_factory=lambda: deque(maxlen=FAILURES_KEPT))

    def merge(self, other: "Totals") -> None:
        for kind, count in other.counts.items():
            self.counts[kind] += count
        merge_into(self.runtime, other.runtime)
        merge_into(self.wait, other.wait)
        self.runtime_us += other.runtime_us
        self.wait_us += other.wait_us
        self.failures.extend(other.failures)

    @property
    def failure_share(self) -> float | None:
        """Of the attempts that ended; None before one did."""
        return self._share("failed")

    @property
    def retry_share(self) -> float | None:
        return self._share("retried")

    def _share(self, kind: str) -> float | None:
        ended = sum(self.counts[name] for name in ("succeeded", "failed", "retried"))
        return self.counts[kind] / ended if ended else None


def totals_of(totals: dict[Task, Totals], task: Task) -> Totals:
    """Those of the unknown where ``TASKS_MAX`` others are kept already."""
    if task not in totals and len(totals) >= TASKS_MAX:
        task = Task(UNKNOWN, "")
    return totals.setdefault(task, Totals())


@dataclass(slots=True)
class _InFlight:
    """``due`` is since when it waits: when it was sent or received, or its ETA."""

    task: Task
    due: float | None


class TaskStatistics:
    """Totals since it was made or emptied. Events may come in any order, twice or broken, and from anybody."""

    def __init__(self) -> None:
        self.totals: dict[Task, Totals] = {}
        self.workers = Workers()
        self.dropped = 0
        self._in_flight: OrderedDict[str, _InFlight] = OrderedDict()
        self._queues: dict[str, str] = {}

    def add(self, event: Mapping[str, Any], *, at: float) -> None:
        """One event, heard ``at`` that time of ours in seconds. What is not one of Celery's is counted as dropped."""
        group, _, kind = str(event.get("type", ""))[:40].partition("-")
        worker = _text(event.get("hostname"), _NAME_CHARACTERS)
        if group == "worker":
            self.workers.hear_worker(worker, kind, event, at=at)
        elif group == "task" and kind in KINDS and isinstance(event.get("uuid"), str):
            if kind != "sent":  # whose host is the sender's
                self.workers.hear_task(worker, at=at)
            self._add_task_event(kind, event, worker, at)
        else:
            self.dropped += 1

    def drain(self) -> dict[Task, Totals]:
        """The totals, which begin anew; what is known of tasks under way and of workers stays."""
        totals, self.totals = self.totals, {}
        return totals

    def _add_task_event(self, kind: str, event: Mapping[str, Any], worker: str, at: float) -> None:
        task_id, moment = _text(event["uuid"], _NAME_CHARACTERS), _number(event.get("timestamp")) or at
        running = self._in_flight_of(task_id, kind, event, moment)
        totals = totals_of(self.totals, running.task)
        totals.counts[kind] += 1
        if kind == "started" and running.due is not None:
            totals.wait_us += _measure(totals.wait, moment - running.due)
        if kind == "succeeded":
            totals.runtime_us += _measure(totals.runtime, _number(event.get("runtime")))
        if kind == "failed":
            words = _text(event.get("exception"), _EXCEPTION_CHARACTERS)
            lines = _text(event.get("traceback"), TRACEBACK_CHARACTERS, from_end=True)
            totals.failures.append(Failure(moment, task_id, worker, words, lines))
        if kind in {"succeeded", "failed", "rejected", "revoked"}:
            self._in_flight.pop(task_id, None)

    def _in_flight_of(self, task_id: str, kind: str, event: Mapping[str, Any], moment: float) -> _InFlight:
        known = self._in_flight.get(task_id)
        name = _text(event.get("name"), _NAME_CHARACTERS)
        if kind in {"sent", "received"} and name:
            was_sent = known is not None and known.task.queue
            queue = self._queue_of(name, kind, event, known)
            due = known.due if known is not None and was_sent else moment
            known = _InFlight(Task(name, queue), due)
            if event.get("eta"):
                known.due = None  # it waits for its time, not for a worker
            self._in_flight[task_id] = known
            if len(self._in_flight) > IN_FLIGHT_MAX:
                self._in_flight.popitem(last=False)
        return known if known is not None else _InFlight(Task(UNKNOWN, ""), None)

    def _queue_of(self, name: str, kind: str, event: Mapping[str, Any], known: _InFlight | None) -> str:
        """An idle worker may have a task before its sender tells of it: then where that task went last."""
        if kind != "sent":
            return known.task.queue if known else self._queues.get(name, "")
        queue = _text(event.get("queue"), _NAME_CHARACTERS)
        if name in self._queues or len(self._queues) < TASKS_MAX:
            self._queues[name] = queue
        return queue


def _measure(histogram: Histogram, seconds: float | None) -> int:
    """The microseconds that were added. What is below nothing is the difference of two clocks."""
    if seconds is None:
        return 0
    duration_us = min(_TIME_MAX_US, max(0, round(seconds * 1e6)))
    bucket = bucket_of(duration_us)
    histogram[bucket] = histogram.get(bucket, 0) + 1
    return duration_us


def _number(value: object) -> float | None:
    """A number of seconds that can be one."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e11:
        return None
    return float(value)


def _text(value: object, limit: int, *, from_end: bool = False) -> str:
    if not isinstance(value, str):
        return ""
    cut = value[-limit:] if from_end else value[:limit]
    return cut.encode(errors="replace").decode().replace("\x00", "\ufffd")  # no database takes half a character

"""Storing what was heard of tasks: counters grow by it, the window is replaced, failures are kept to the last few."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from django.db import transaction

from core.clock import database_now_ms
from core.latency import merge_into, pack, unpack
from ops.probing.excerpts import make_excerpt
from ops.queues.engine.task_lease import renew_lease
from ops.queues.engine.worker_store import store_workers
from ops.queues.models import TaskBroker, TaskFailure, TaskStatistic
from ops.queues.task_events import (
    FAILURES_KEPT,
    KINDS,
    TASKS_MAX,
    TRACEBACK_CHARACTERS,
    UNKNOWN,
    Failure,
    Task,
    Totals,
)
from ops.queues.task_window import Recent
from ops.queues.worker_events import Host

_EXCEPTION_BYTES = 500
_PERCENTILES = [f"{name}_p{share}_us" for name in ("runtime", "wait") for share in (50, 95, 99)]
_RECENT_COUNTS = [f"recent_{kind}" for kind in ("succeeded", "failed", "retried")]
_NOTHING_RECENT: dict[str, Any] = {**dict.fromkeys(_RECENT_COUNTS, 0), **dict.fromkeys(_PERCENTILES)}
_UPDATED = [*KINDS, "runtime", "wait", "runtime_us", "wait_us", "heard_ms", *_RECENT_COUNTS, *_PERCENTILES]


class LeaseLost(Exception):
    """Another process listens now; nothing was stored."""


class BrokerReport(NamedTuple):
    """``totals`` are to be added; ``recent`` holds the tasks whose window changed, which was listened to for
    ``window_seconds``: of the others nothing is known any more when it ``begins_window``. ``heard_at`` is in seconds.
    ``hosts`` are all workers with heartbeats that this listener knows, by name.
    """

    totals: Mapping[Task, Totals]
    recent: Mapping[Task, Recent]
    window_seconds: float
    begins_window: bool = False
    workers: int = 0
    heard_at: float | None = None
    failure: str = ""
    hosts: Mapping[str, Host] = MappingProxyType({})
    listened_seconds: float = 0.0


def store_reports(reports: Mapping[str, BrokerReport], *, holder: str) -> None:
    """By the key of the broker, all or nothing. Raises ``LeaseLost``."""
    with transaction.atomic():
        if not renew_lease(holder):
            raise LeaseLost
        now = database_now_ms()
        for key, report in reports.items():
            _store(key, report, now)


def _store(key: str, report: BrokerReport, now: int) -> None:
    heard_ms = None if report.heard_at is None else round(report.heard_at * 1_000)
    broker, _ = TaskBroker.objects.update_or_create(
        key=key,
        defaults={
            "stored_ms": now,
            "window_ms": round(report.window_seconds * 1_000),
            "workers": report.workers,
            "message": make_excerpt(report.failure, limit=300),
            **({} if heard_ms is None else {"heard_ms": heard_ms}),
        },
    )
    store_workers(broker, report.hosts, listened_seconds=report.listened_seconds, now_ms=now)
    if report.begins_window:
        broker.tasks.update(**_NOTHING_RECENT)
    tasks = report.totals.keys() | report.recent.keys()
    if not tasks:
        return
    rows = {Task(row.name, row.queue): row for row in broker.tasks.all()}
    known, touched = frozenset(rows), dict[Task, TaskStatistic]()
    failures: dict[Task, list[Failure]] = {}
    for task in sorted(tasks):
        kept_as = task if task in rows or len(rows) < TASKS_MAX else Task(UNKNOWN, "")
        if kept_as not in rows:
            rows[kept_as] = TaskStatistic(broker=broker, name=kept_as.name, queue=kept_as.queue, heard_ms=now)
        row = touched[kept_as] = rows[kept_as]
        if (totals := report.totals.get(task)) is not None:
            _grow(row, totals, now)
            failures.setdefault(kept_as, []).extend(totals.failures)
        if kept_as == task and (recent := report.recent.get(task)) is not None:
            _show_recent(row, recent)
    TaskStatistic.objects.bulk_create(row for task, row in touched.items() if task not in known)
    TaskStatistic.objects.bulk_create(  # bulk_update costs twenty times as much
        (row for task, row in touched.items() if task in known),
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=_UPDATED,
    )
    for task, found in failures.items():
        if found:
            _keep_failures(touched[task], found[-FAILURES_KEPT:], now)


def _grow(row: TaskStatistic, totals: Totals, now: int) -> None:
    for kind in KINDS:
        setattr(row, kind, getattr(row, kind) + totals.counts[kind])
    for name in ("runtime", "wait"):
        histogram = unpack(bytes(getattr(row, name)))
        merge_into(histogram, getattr(totals, name))
        setattr(row, name, pack(histogram))
    row.runtime_us += totals.runtime_us
    row.wait_us += totals.wait_us
    row.heard_ms = now


def _show_recent(row: TaskStatistic, recent: Recent) -> None:
    for name in _RECENT_COUNTS:
        setattr(row, name, recent.totals.counts[name.removeprefix("recent_")])
    for name, value in zip(_PERCENTILES, [*recent.runtime_us, *recent.wait_us], strict=True):
        setattr(row, name, value)


def _keep_failures(row: TaskStatistic, failures: Iterable[Failure], now: int) -> None:
    """A worker whose clock is ahead had no failure that is still to come."""
    TaskFailure.objects.bulk_create(
        TaskFailure(
            statistic=row,
            at_ms=min(round(failure.at * 1_000), now),
            task_id=failure.task_id,
            worker=make_excerpt(failure.worker, limit=200),
            exception=make_excerpt(failure.exception, limit=_EXCEPTION_BYTES),
            traceback=shown_traceback(failure.traceback),
        )
        for failure in failures
    )
    kept = TaskFailure.objects.filter(statistic=row).order_by("-pk").values_list("pk", flat=True)[:FAILURES_KEPT]
    TaskFailure.objects.filter(statistic=row).exclude(pk__in=list(kept)).delete()


def shown_traceback(text: str) -> str:
    """Without what looks secret. A line that was cut is left out, since half of it may be the value of a secret."""
    if len(text) >= TRACEBACK_CHARACTERS:
        text = text.partition("\n")[2]
    return make_excerpt(text, limit=4 * TRACEBACK_CHARACTERS)

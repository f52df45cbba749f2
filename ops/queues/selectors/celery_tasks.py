"""What the events of Celery apps told of the tasks of a queue."""

import datetime as dt
from dataclasses import dataclass

from django.db.models import Max, Q, QuerySet

from core.clock import database_now_ms, from_ms
from core.errors import NotFound
from core.permissions import Permission, Principal
from ops.queues.broker_key import broker_key
from ops.queues.models import Queue, TaskBroker, TaskFailure, TaskStatistic
from ops.queues.selectors.celery_workers import STALE_AFTER_MS, WorkerRow, worker_rows

CELERY = "celery"
TASKS_MAX = 500
FAILURES_MAX = 50


@dataclass(frozen=True, slots=True)
class TaskFailureRow:
    """``exception`` and ``traceback`` are cut and redacted; hostile text."""

    task: str
    at: dt.datetime
    task_id: str
    worker: str
    exception: str
    traceback: str


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One task. Counts are since it was first heard of.

    The rest is of the last five minutes: None while nobody listens, percentiles also while nothing was measured.
    ``per_minute`` are the attempts that ended. ``queue`` is empty when the app does not tell it.
    """

    id: int
    name: str
    queue: str
    succeeded: int
    failed: int
    retried: int
    heard_at: dt.datetime
    per_minute: float | None
    failed_share: float | None
    retried_share: float | None
    runtime_p50_ms: float | None
    runtime_p95_ms: float | None
    runtime_p99_ms: float | None
    wait_p50_ms: float | None
    wait_p95_ms: float | None
    wait_p99_ms: float | None
    last_failure: TaskFailureRow | None


@dataclass(frozen=True, slots=True)
class TaskListing:
    """``is_heard`` says whether the broker is listened to now; else ``message`` says why not.

    ``workers`` are those that send events, ``window_seconds`` is how much of the last five minutes was listened to.
    ``hosts`` are the workers of the broker that send heartbeats, none while it is not heard.
    """

    is_heard: bool
    message: str
    workers: int = 0
    window_seconds: float | None = None
    items: tuple[TaskRow, ...] = ()
    has_more: bool = False
    hosts: tuple[WorkerRow, ...] = ()


def queue_tasks(*, principal: Principal, uid: str, limit: int = 100) -> TaskListing:
    """Of a ``celery`` queue, the most failed and then the busiest first; nothing of another. Raises ``NotFound``."""
    queue = _find(principal, uid)
    if queue.kind != CELERY:
        return TaskListing(is_heard=False, message="only queues of the kind celery have tasks")
    broker = TaskBroker.objects.filter(key=broker_key(queue.config)).first()
    message = _why_not_heard(broker)
    limit = max(1, min(limit, TASKS_MAX))
    order = ("-recent_failed", "-recent_succeeded", "-heard_ms", "pk")
    rows = list(_of_queue(queue).defer("runtime", "wait").order_by(*order)[: limit + 1])
    last = _last_failures([row.pk for row in rows[:limit]])
    window_ms = 0 if broker is None or message else broker.window_ms
    return TaskListing(
        is_heard=not message,
        message=message,
        workers=0 if broker is None or message else broker.workers,
        window_seconds=window_ms / 1_000 or None,
        items=tuple(_row(row, last.get(row.pk), window_ms) for row in rows[:limit]),
        has_more=len(rows) > limit,
        hosts=() if broker is None or message else worker_rows(broker),
    )


def queue_task_failures(*, principal: Principal, uid: str, name: str = "") -> list[TaskFailureRow]:
    """The last failures of the tasks of a queue, the newest first; of one task when ``name`` says so.

    Raises ``NotFound``.
    """
    queue = _find(principal, uid)
    tasks = _of_queue(queue) if queue.kind == CELERY else TaskStatistic.objects.none()
    if name:
        tasks = tasks.filter(name=name)
    found = TaskFailure.objects.filter(statistic__in=tasks.values("pk")).select_related("statistic").order_by("-pk")
    found = found.defer("statistic__runtime", "statistic__wait")[:FAILURES_MAX]
    return [_failure(row, row.statistic.name) for row in found]


def _find(principal: Principal, uid: str) -> Queue:
    principal.require(Permission.CATALOG_VIEW)
    queue = Queue.objects.filter(uid=uid).first()
    if queue is None:
        raise NotFound(f"There is no queue {uid[:80]!r}")
    return queue


def _of_queue(queue: Queue) -> QuerySet[TaskStatistic]:
    """The tasks of its broker that are its own, or may be."""
    own = Q(queue="") | Q(queue=queue.config.get("queue", CELERY))
    return TaskStatistic.objects.filter(own, broker__key=broker_key(queue.config))


def _why_not_heard(broker: TaskBroker | None) -> str:
    if broker is None or abs(database_now_ms() - broker.stored_ms) > STALE_AFTER_MS:
        return "nobody listens to the events of its broker"
    return broker.message


def _last_failures(ids: list[int]) -> dict[int, TaskFailure]:
    newest = (
        TaskFailure.objects.filter(statistic__in=ids)
        .order_by()
        .values("statistic")
        .annotate(last=Max("pk"))
        .values("last")
    )
    return {row.statistic_id: row for row in TaskFailure.objects.filter(pk__in=newest)}


def _row(row: TaskStatistic, failure: TaskFailure | None, window_ms: int) -> TaskRow:
    ended = row.recent_succeeded + row.recent_failed + row.recent_retried
    shares = (row.recent_failed / ended, row.recent_retried / ended) if ended and window_ms else (None, None)
    measured = {
        f"{name}_p{share}_ms": value / 1_000 if window_ms and (value := getattr(row, f"{name}_p{share}_us")) else None
        for name in ("runtime", "wait")
        for share in (50, 95, 99)
    }
    return TaskRow(
        id=row.pk,
        name=row.name,
        queue=row.queue,
        succeeded=row.succeeded,
        failed=row.failed,
        retried=row.retried,
        heard_at=from_ms(row.heard_ms),
        per_minute=ended * 60_000 / window_ms if window_ms else None,
        failed_share=shares[0],
        retried_share=shares[1],
        last_failure=None if failure is None else _failure(failure, row.name),
        **measured,
    )


def _failure(row: TaskFailure, task: str) -> TaskFailureRow:
    return TaskFailureRow(
        task=task,
        at=from_ms(row.at_ms),
        task_id=row.task_id,
        worker=row.worker,
        exception=row.exception,
        traceback=row.traceback,
    )

"""Reads of the slice, each a frozen picture of what is stored."""

from ops.queues.selectors.celery_tasks import (
    TaskFailureRow,
    TaskListing,
    TaskRow,
    queue_task_failures,
    queue_tasks,
)
from ops.queues.selectors.celery_workers import WorkerRow
from ops.queues.selectors.changes import newest_sample_ms
from ops.queues.selectors.details import QueueDetail, queue_detail, queue_details
from ops.queues.selectors.rows import (
    QueueNames,
    QueueRow,
    Sort,
    Trend,
    queue_names,
    queue_row,
    queue_rows,
    status_counts,
)
from ops.queues.selectors.samples import SamplePoint, SampleSeries, queue_samples
from ops.queues.selectors.signals import QueueSignals
from ops.queues.selectors.totals import QueueTotals, queue_totals

__all__ = [
    "QueueDetail",
    "QueueNames",
    "QueueRow",
    "QueueSignals",
    "QueueTotals",
    "SamplePoint",
    "SampleSeries",
    "Sort",
    "TaskFailureRow",
    "TaskListing",
    "TaskRow",
    "Trend",
    "WorkerRow",
    "newest_sample_ms",
    "queue_detail",
    "queue_details",
    "queue_names",
    "queue_row",
    "queue_rows",
    "queue_samples",
    "queue_task_failures",
    "queue_tasks",
    "queue_totals",
    "status_counts",
]

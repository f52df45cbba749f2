"""Celery tasks as Prometheus lines with the names of celery-exporter, rendered by hand and kept for some seconds."""

import time
from collections.abc import Iterable

from core.latency import bucket_of, unpack
from ops.queues.labels import render_labels
from ops.queues.models import TaskStatistic
from ops.queues.task_events import KINDS

KEPT_SECONDS = 15.0
TASKS_MAX = 1_000
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Seconds, as celery-exporter's. Figures are off by at most ``core.latency.RELATIVE_ERROR``."""

_ENDS = tuple((f"{seconds:g}", bucket_of(round(seconds * 1e6))) for seconds in BUCKETS)
FAMILIES = {
    **{f"celery_task_{kind}_total": ("counter", f"Events task-{kind}.") for kind in KINDS},
    "celery_task_runtime": ("histogram", "Seconds that tasks ran."),
    "celery_task_queue_wait_time": ("histogram", "Seconds from sent, or else received, to started."),
}
_HISTOGRAMS = {"celery_task_runtime": "runtime", "celery_task_queue_wait_time": "wait"}
_rendered: tuple[float, bytes] = (float("-inf"), b"")


def render_task_series() -> bytes:
    """Empty before the first event. At most ``KEPT_SECONDS`` old, so that scrapes by many cost one."""
    global _rendered  # noqa: PLW0603 - replaced as a whole; at worst two threads render the same
    if time.monotonic() - _rendered[0] > KEPT_SECONDS:
        _rendered = (time.monotonic(), _render())
    return _rendered[1]


def forget_rendered() -> None:
    global _rendered  # noqa: PLW0603
    _rendered = (float("-inf"), b"")


def _render() -> bytes:
    """Of the tasks that were heard of last."""
    newest = TaskStatistic.objects.select_related("broker").order_by("-heard_ms", "pk")[:TASKS_MAX]
    rows = [(_labels(row), row) for row in newest]
    lines: list[str] = []
    for name, (kind, text) in FAMILIES.items() if rows else ():
        lines.append(f"# HELP {name} {text}\n# TYPE {name} {kind}\n")
        column = _HISTOGRAMS.get(name) or name.removeprefix("celery_task_").removesuffix("_total")
        for labels, row in rows:
            if kind == "counter":
                lines.append(f"{name}{{{labels}}} {getattr(row, column)}\n")
            else:
                lines.extend(_histogram(name, labels, bytes(getattr(row, column)), getattr(row, f"{column}_us")))
    return "".join(lines).encode()


def _histogram(name: str, labels: str, packed: bytes, total_us: int) -> Iterable[str]:
    histogram = unpack(packed)
    for end, last in _ENDS:
        below = sum(count for bucket, count in histogram.items() if bucket <= last)
        yield f'{name}_bucket{{{labels},le="{end}"}} {below}\n'
    count = sum(histogram.values())
    yield f'{name}_bucket{{{labels},le="+Inf"}} {count}\n'
    yield f"{name}_sum{{{labels}}} {total_us / 1e6:.6f}\n{name}_count{{{labels}}} {count}\n"


def _labels(row: TaskStatistic) -> str:
    return render_labels(broker=row.broker.key, name=row.name, queue_name=row.queue)

"""Celery's queues and workers as Prometheus lines with the names of celery-exporter, kept for some seconds."""

import time
from collections.abc import Iterable

from core.clock import database_now_ms
from ops.queues.labels import render_labels
from ops.queues.models import Queue, TaskWorker
from ops.queues.selectors import effective
from ops.queues.selectors.celery_tasks import CELERY
from ops.queues.selectors.celery_workers import is_heard
from ops.signals.domain import PAUSED_SEVERITY, Status

KEPT_SECONDS = 5.0
QUEUES_MAX = 20_000
WORKERS_MAX = 5_000
FAMILIES = {
    "celery_queue_length": "Messages that wait.",
    "celery_worker_up": "1 while it sends heartbeats, 0 for 10 minutes after.",
    "celery_worker_tasks_active": "Tasks that it runs.",
}
_rendered: tuple[float, bytes] = (float("-inf"), b"")


def render_celery_series() -> bytes:
    """Empty without queues of Celery. At most ``KEPT_SECONDS`` old, so that scrapes by many cost one."""
    global _rendered  # noqa: PLW0603 - replaced as a whole; at worst two threads render the same
    if time.monotonic() - _rendered[0] > KEPT_SECONDS:
        _rendered = (time.monotonic(), _render(database_now_ms()))
    return _rendered[1]


def forget_rendered() -> None:
    global _rendered  # noqa: PLW0603
    _rendered = (float("-inf"), b"")


def _render(now_ms: int) -> bytes:
    workers = [
        (render_labels(broker=key, hostname=hostname), is_up, active)
        for key, hostname, is_up, active in TaskWorker.objects.filter(is_heard(now_ms, "broker__"))
        .order_by("-seen_ms", "pk")
        .values_list("broker__key", "hostname", "is_up", "active")[:WORKERS_MAX]
    ]
    lines = [
        *_family("celery_queue_length", _lengths(now_ms)),
        *_family("celery_worker_up", ((labels, int(is_up)) for labels, is_up, _ in workers)),
        *_family("celery_worker_tasks_active", ((labels, active) for labels, is_up, active in workers if is_up)),
    ]
    return "".join(lines).encode()


def _lengths(now_ms: int) -> Iterable[tuple[str, int | None]]:
    """Of the queues that were looked at lately with success."""
    rows = (
        Queue.objects.filter(kind=CELERY)
        .annotate(severity=effective.severity(now_ms))
        .exclude(severity__in=(PAUSED_SEVERITY, Status.UNKNOWN))
        .order_by("entity__name", "name")
        .values_list("entity__name", "name", "config", "state__size")[:QUEUES_MAX]
    )
    for entity, name, config, size in rows:
        yield render_labels(queue_name=str(config.get("queue", CELERY)), entity=entity, queue=name), size


def _family(name: str, series: Iterable[tuple[str, int | None]]) -> Iterable[str]:
    """None without series."""
    known = [f"{name}{{{labels}}} {value}\n" for labels, value in series if value is not None]
    return [f"# HELP {name} {FAMILIES[name]}\n# TYPE {name} gauge\n", *known] if known else []

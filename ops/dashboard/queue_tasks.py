"""The part of a queue's page that is about its Celery tasks."""

from html import escape
from typing import Any

from core.permissions import Principal
from core.templatetags.display import ago, glyph, latency_words, period_words
from ops.dashboard.queue_listing import per_minute
from ops.dashboard.rows import join_rows
from ops.queues.selectors import QueueRow, TaskListing, TaskRow, WorkerRow, queue_tasks
from ops.queues.selectors.celery_tasks import CELERY

SHOWN_TASKS = 50
SHOWN_FAILURES = 10
SHOWN_WORKERS = 50
_WINDOW_SECONDS = 300


def read_tasks(queue: QueueRow, *, principal: Principal) -> dict[str, Any] | None:
    """None for a queue of another kind."""
    if queue.kind != CELERY:
        return None
    listing = queue_tasks(principal=principal, uid=queue.uid, limit=SHOWN_TASKS)
    failed = [row for row in listing.items if row.last_failure is not None]
    failed.sort(key=lambda row: row.last_failure.at if row.last_failure else row.heard_at, reverse=True)
    return {
        "count": f"{len(listing.items)}{'+' if listing.has_more else ''}" if listing.items else "",
        "said": _say(listing),
        "rows": join_rows(map(task_line, listing.items)),
        "failures": [(row.id, row.last_failure) for row in failed[:SHOWN_FAILURES]],
        "trouble": _trouble(listing),
        "workers": join_rows(map(worker_line, listing.hosts[:SHOWN_WORKERS])),
        "workers_said": _say_workers(listing),
    }


def _say(listing: TaskListing) -> str:
    if not listing.is_heard:
        return ""
    seconds = min(_WINDOW_SECONDS, round(listing.window_seconds or 0))
    return f"Last {period_words(seconds * 1_000)}, {listing.workers} worker{'' if listing.workers == 1 else 's'} heard"


def _trouble(listing: TaskListing) -> str:
    if not listing.is_heard:
        return f"The events of its tasks are not heard: {listing.message}."
    if not listing.workers:
        return "No worker sends events. Run workers with -E, or set worker_send_task_events in the app."
    return "" if listing.items else "No task ran since the events are listened to."


def _say_workers(listing: TaskListing) -> str:
    up, all_of_them = sum(host.is_up for host in listing.hosts), len(listing.hosts)
    shown = f", the first {SHOWN_WORKERS} shown" if all_of_them > SHOWN_WORKERS else ""
    return f"{up} of {all_of_them} up{shown}"


def worker_line(row: WorkerRow) -> str:
    """The name that it gave itself is escaped here."""
    tone, word = ("healthy", "Up") if row.is_up else ("unhealthy", "Gone")
    return (
        f'<tr><td><span class="status" data-status="{tone}">{glyph(tone)}{word}</span></td>'
        f'<th scope="row" class="cell-task mono">{escape(row.hostname).replace("@", "@<wbr>")}</th>'
        f'<td class="num">{"-" if row.active is None else row.active}</td><td class="num">{ago(row.seen_at)}</td></tr>'
    )


def task_line(row: TaskRow) -> str:
    """What the app named is escaped here."""
    tone = ' data-status="unhealthy"' if row.failed_share else ""
    rate = None if row.per_minute is None else row.per_minute / 60
    return (
        f'<tr id="task-{row.id}"><th scope="row" class="cell-task mono">{_breakable(row.name)}</th>'
        f'<td class="num">{per_minute(rate)}</td>'
        f'<td class="num"{tone}>{_share(row.failed_share)}</td><td class="num wide">{_share(row.retried_share)}</td>'
        f'<td class="num wide">{_latency(row.runtime_p50_ms)}</td><td class="num">{_latency(row.runtime_p95_ms)}</td>'
        f'<td class="num wide">{_latency(row.wait_p95_ms)}</td></tr>'
    )


def _breakable(name: str) -> str:
    """A long name is broken at its dots first."""
    return escape(name).replace(".", ".<wbr>").replace("_", "_<wbr>")


def _share(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0%}" if value == 0 or value >= 0.01 else "&lt;1%"


def _latency(value: float | None) -> str:
    return "-" if value is None else latency_words(value)

"""Storing what was heard of workers: a row for each, until it is gone for good."""

from collections.abc import Mapping

from ops.probing.excerpts import clean_text
from ops.queues.models import TaskBroker, TaskWorker
from ops.queues.worker_events import HOSTS_MAX, Host, is_forgotten, is_missed

_UPDATED = ["is_up", "active", "interval_ms", "seen_ms"]


def store_workers(broker: TaskBroker, hosts: Mapping[str, Host], *, listened_seconds: float, now_ms: int) -> None:
    """Those that an earlier listener heard of grow old by themselves. At most ``HOSTS_MAX`` stay, the newest."""
    known = {row.hostname: row for row in broker.hosts.all()}
    heard = _rows(broker, hosts, known, now_ms)
    missed = [row for name, row in known.items() if name not in heard and _is_missed(row, listened_seconds, now_ms)]
    for row in missed:
        row.is_up = False
    rows = known | heard
    ordered = sorted(rows, key=lambda name: rows[name].seen_ms, reverse=True)
    kept = {name for name in ordered[:HOSTS_MAX] if not is_forgotten(*_age(rows[name], now_ms))}
    TaskWorker.objects.bulk_create(rows[name] for name in sorted(kept - known.keys()))
    TaskWorker.objects.bulk_create(
        (row for row in (*heard.values(), *missed) if row.hostname in kept & known.keys()),
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=_UPDATED,
    )
    if gone := [row.pk for name, row in known.items() if name not in kept]:
        TaskWorker.objects.filter(pk__in=gone).delete()


def _rows(
    broker: TaskBroker, hosts: Mapping[str, Host], known: Mapping[str, TaskWorker], now_ms: int
) -> dict[str, TaskWorker]:
    """Those that were heard by this listener, changed but not saved."""
    heard: dict[str, TaskWorker] = {}
    for told, host in hosts.items():
        if not (hostname := clean_text(told).strip()):
            continue
        row = heard[hostname] = known.get(hostname) or TaskWorker(broker=broker, hostname=hostname)
        row.is_up, row.active = host.is_up, host.active
        row.interval_ms = round(host.interval_seconds * 1_000)
        row.seen_ms = now_ms - round(host.silent_seconds * 1_000)
    return heard


def _age(row: TaskWorker, now_ms: int) -> tuple[float, float]:
    """For how many seconds it is silent, and how often it would tell."""
    return (now_ms - row.seen_ms) / 1_000, row.interval_ms / 1_000


def _is_missed(row: TaskWorker, listened_seconds: float, now_ms: int) -> bool:
    silent, interval = _age(row, now_ms)
    return row.is_up and is_missed(silent, listened_seconds, interval)

"""The fleet of the demo with every status, written as rows, for tests of pages: nothing runs, nobody waits."""

from collections.abc import Sequence
from typing import Any

import yaml

from core.clock import now_ms
from core.permissions import system_principal
from core.pulse import record_pulse
from core.validation import parse_model
from deploy.demo.fleet import render_catalogue
from deploy.demo.trouble import FLEET
from entities.definition import EntityDefinition
from entities.models import Entity
from entities.services import save_entities
from ops.health.models import Check, CheckResult, CheckState, ResultDetail, StatusChange
from ops.journal.services import NewEntry, record_entries
from ops.queues.models import Queue, QueueSample, QueueState, TaskBroker, TaskFailure, TaskStatistic, TaskWorker
from ops.signals.domain import Status

MEMBERS = ("payments-db", "payments-api", "search", "mailer", "backup", "reporting", "bare")
HOSTILE = '<img src=x onerror="alert(1)">'
BROKER = "redis://127.0.0.1:6390/0"
REFUSED = "connection refused by 10.0.4.12:5432"


def add_fleet() -> None:
    """payments-db is unhealthy and impacts payments-api, search is degraded; others are fine, stale, paused or bare."""
    principal = system_principal("tester")
    save_entities(principal=principal, definitions=[parse_model(EntityDefinition, item) for item in _demo_entities()])
    add_check("payments-db", "tcp", Status.UNHEALTHY, kind="tcp", message=REFUSED, seconds_ago=180)
    add_check("payments-api", "http", Status.HEALTHY)
    add_check("search", "http", Status.DEGRADED, message=f"{HOSTILE} took 812 ms", seconds_ago=660)
    add_check("mailer", "http", Status.HEALTHY)
    add_check("backup", "http", Status.HEALTHY, fresh=False)
    add_check("reporting", "http", Status.HEALTHY, paused=True)
    record_entries(
        [
            NewEntry(
                entity_id=Entity.objects.get(name="payments-db").pk, at_ms=now_ms() - 180_000, kind="check.status",
                subject="tcp", before="healthy", after="unhealthy", message=REFUSED,
            )
        ]
    )  # fmt: skip
    show_signs_of_life()


def _demo_entities() -> list[dict[str, Any]]:
    """Those of ``MEMBERS`` as the demo's catalogue has them, with a title that attacks the page."""
    document = yaml.safe_load(render_catalogue({member.name: 1 for member in FLEET}))
    entities = {entity["name"]: entity for entity in document["entities"]}
    picked = [
        {name: value for name, value in entities[member].items() if name not in {"checks", "title"}}
        for member in MEMBERS
    ]
    for entity in picked:
        entity["depends_on"] = [needed for needed in entity.get("depends_on", ()) if needed in MEMBERS]
    picked[0]["title"] = HOSTILE
    return picked


def show_signs_of_life() -> None:
    record_pulse("scheduler")
    record_pulse("worker")


def add_check(
    entity: str,
    name: str,
    status: Status,
    *,
    kind: str = "http",
    message: str = "",
    seconds_ago: int = 7_200,
    fresh: bool = True,
    paused: bool = False,
) -> Check:
    now = now_ms()
    last = now - (2_000 if fresh else 600_000)
    check = Check.objects.create(
        entity=Entity.objects.get(name=entity), name=name, kind=kind, interval_ms=30_000, timeout_ms=5_000,
        config={"url": "https://example.com/health"} if kind == "http" else {"host": "10.0.4.12", "port": 5432},
        degraded_above_ms=500 if kind == "http" else None, paused=paused,
    )  # fmt: skip
    CheckState.objects.create(
        definition=check, interval_ms=30_000, timeout_ms=5_000, status=status, since_ms=now - seconds_ago * 1_000,
        next_due_ms=None if paused else now + 28_000, fresh_until_ms=last + (3_600_000 if fresh else 60_000),
        last_slot_ms=last, last_at_ms=last, last_outcome=status, last_duration_us=23_000, last_message=message,
    )  # fmt: skip
    StatusChange.objects.create(check_id=check.pk, at_ms=now - seconds_ago * 1_000, status=status)
    slots = [last - number * 30_000 for number in range(12)]
    CheckResult.objects.bulk_create(
        CheckResult(check_id=check.pk, slot_ms=slot, late_ms=5, duration_us=23_000, outcome=status) for slot in slots
    )
    if message:
        ResultDetail.objects.bulk_create(
            ResultDetail(check_id=check.pk, slot_ms=slot, phase="", message=message) for slot in slots
        )
    return check


def add_queues() -> None:
    """Of the fleet, one of each status: emails is unhealthy, newsletters degraded, welcome fine, index unknown.

    invoices is one of Celery, whose tasks and workers are known.
    """
    add_queue("payments-api", "emails", Status.UNHEALTHY, message="212 waiting, limit 100", sizes=range(0, 213, 4))
    add_queue("mailer", "newsletters", Status.DEGRADED, message="80 waiting, will breach 100 in 12 min at this rate")
    add_queue("mailer", "welcome", Status.HEALTHY, sizes=(0, 3, 1, 0, 0, 2) * 5, age_ms=None)
    add_queue("search", "index", Status.UNKNOWN, message=f"{HOSTILE} connection refused")
    add_queue("payments-api", "invoices", Status.HEALTHY, kind="celery")
    add_celery_tasks()


def add_queue(
    entity: str,
    name: str,
    status: Status,
    *,
    message: str = "",
    sizes: Sequence[int] = (10, 20, 30, 40, 60, 80),
    age_ms: int | None = 372_000,
    kind: str = "redis",
) -> Queue:
    """``sizes`` were seen every 30 s, the last one just now."""
    now = now_ms()
    queue = Queue.objects.create(
        entity=Entity.objects.get(name=entity), name=name, kind=kind, max_size=100, max_age_ms=300_000, warn_size=60,
        config={"url": BROKER, "queue" if kind == "celery" else "key": name},
    )  # fmt: skip
    QueueState.objects.create(
        definition=queue, interval_ms=30_000, timeout_ms=5_000, status=status, since_ms=now - 190_000, message=message,
        next_due_ms=now + 28_000, fresh_until_ms=now + 3_600_000, last_at_ms=now - 2_000, seen_at_ms=now - 2_000,
        size=sizes[-1], oldest_age_ms=age_ms, consumers=3, unacked=2, dead=4, rate_in=0.8, rate_out=0.25,
    )  # fmt: skip
    QueueSample.objects.bulk_create(
        QueueSample(
            queue_id=queue.pk, at_ms=now - 30_000 * place, size=size, oldest_age_ms=age_ms and age_ms // (place + 1)
        )
        for place, size in enumerate(reversed(sizes))
    )
    return queue


def add_celery_tasks() -> None:
    """Of ``BROKER``: a task that fails with a traceback, one that is fine, a worker that is up and one that is gone."""
    now = now_ms()
    broker = TaskBroker.objects.create(key=BROKER, stored_ms=now + 30_000, heard_ms=now, window_ms=300_000, workers=2)
    failing, _ = (
        TaskStatistic.objects.create(
            broker=broker, name=name, queue="invoices", succeeded=960, failed=failed, retried=failed, heard_ms=now,
            recent_succeeded=120, recent_failed=failed, recent_retried=failed, runtime_p50_us=42_000,
            runtime_p95_us=180_000, runtime_p99_us=1_200_000, wait_p50_us=9_000, wait_p95_us=61_000, wait_p99_us=90_000,
        )
        for name, failed in (("payments.invoices.send_monthly_statements", 12), (HOSTILE, 0))
    )  # fmt: skip
    TaskFailure.objects.create(
        statistic=failing, at_ms=now - 40_000, task_id="0199b1c0-7d3e-7c55-b1d2-6a2f5d1c9e11", worker="celery@mail-1",
        exception=f"ConnectionRefusedError('{HOSTILE}')",
        traceback='Traceback (most recent call last):\n  File "invoices.py", line 41, in send\n' + "x" * 300,
    )  # fmt: skip
    hosts = (("celery@mail-1.internal", True, 2_000), (HOSTILE, False, 240_000))
    TaskWorker.objects.bulk_create(
        TaskWorker(broker=broker, hostname=name, is_up=is_up, active=4, interval_ms=2_000, seen_ms=now - silent_ms)
        for name, is_up, silent_ms in hosts
    )

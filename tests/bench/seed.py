"""``python -m tests.bench.seed <checks> <interval in s> <url> [<queues> <url of a Valkey>]``: a fleet for an instance.

Queues are lists ``jobs:<number>``, looked at every minute.
"""

import sys

import django

FIRST_MS = 3_000
QUEUE_INTERVAL_MS = 60_000


def main() -> None:
    django.setup()
    from core.clock import database_now_ms
    from entities.models import Entity
    from ops.health.models import Check, CheckState

    checks, interval_ms, url = int(sys.argv[1]), int(sys.argv[2]) * 1000, sys.argv[3]
    entities = Entity.objects.bulk_create(
        (Entity(name=f"service-{number:05}", kind="service") for number in range(checks)), batch_size=1000
    )
    rows = Check.objects.bulk_create(
        (
            Check(entity=entity, name="http", kind="http", config={"url": url}, interval_ms=interval_ms)
            for entity in entities
        ),
        batch_size=1000,
    )
    first = database_now_ms() + FIRST_MS
    CheckState.objects.bulk_create(
        (
            CheckState(
                definition=row, interval_ms=interval_ms, timeout_ms=10_000,
                next_due_ms=first + number * interval_ms // checks,
            )
            for number, row in enumerate(rows)
        ),
        batch_size=1000,
    )  # fmt: skip
    if len(sys.argv) > 4:
        add_queues(int(sys.argv[4]), sys.argv[5])


def add_queues(count: int, url: str) -> None:
    from core.clock import database_now_ms
    from entities.models import Entity
    from ops.queues.models import Queue, QueueState

    owner = Entity.objects.create(name="queues", kind="broker")
    rows = Queue.objects.bulk_create(
        (
            Queue(
                entity=owner, name=f"jobs-{number:05}", kind="redis", config={"url": url, "key": f"jobs:{number}"},
                max_size=1_000, interval_ms=QUEUE_INTERVAL_MS,
            )
            for number in range(count)
        ),
        batch_size=1000,
    )  # fmt: skip
    first = database_now_ms() + FIRST_MS
    QueueState.objects.bulk_create(
        (
            QueueState(
                definition=row, interval_ms=QUEUE_INTERVAL_MS, timeout_ms=10_000,
                next_due_ms=first + number * QUEUE_INTERVAL_MS // count,
            )
            for number, row in enumerate(rows)
        ),
        batch_size=1000,
    )  # fmt: skip


if __name__ == "__main__":
    main()

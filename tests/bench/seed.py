"""``python -m tests.bench.seed <checks> <interval in s> <url>``: a fleet for the instance of the settings."""

import sys

import django


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
    first = database_now_ms() + 3_000
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


if __name__ == "__main__":
    main()

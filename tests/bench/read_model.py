"""What the read model costs: ``python -m tests.bench.read_model [sqlite|postgresql]``; times in ms, best of ten."""

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import django

from tests.services import run_postgres


def _measure(what: str, call: Callable[[], object]) -> None:
    call()
    spans = []
    for _ in range(10):
        wall, cpu = time.perf_counter(), time.process_time()
        call()
        spans.append((time.perf_counter() - wall, time.process_time() - cpu))
    wall, cpu = min(spans)
    sys.stdout.write(f"  {what:<44} {wall * 1000:8.2f} wall {cpu * 1000:8.2f} own CPU\n")


def _fill(checks: int) -> None:
    """Ten checks an entity; one entity in 50 unhealthy, one in 10 needs another one."""
    from core.clock import now_ms
    from entities.models import Dependency, Entity
    from ops.health.models import Check, CheckState

    Check.objects.all().delete()
    Dependency.objects.all().delete()
    Entity.objects.all().delete()
    entities = Entity.objects.bulk_create(Entity(name=f"e{n}", kind="service") for n in range(checks // 10))
    Dependency.objects.bulk_create(
        Dependency(entity=entities[n], depends_on=entities[n - n % 10]) for n in range(len(entities)) if n % 10
    )
    rows = Check.objects.bulk_create(
        (
            Check(entity=entities[n // 10], name=f"c{n % 10}", kind="http", config={"url": "http://h/"})
            for n in range(checks)
        ),
        batch_size=1000,
    )
    now = now_ms()
    CheckState.objects.bulk_create(
        (
            CheckState(
                definition=row, interval_ms=60_000, timeout_ms=10_000, next_due_ms=now + n, since_ms=now - n,
                fresh_until_ms=now + 3_600_000 + n, last_at_ms=now, last_duration_us=12_000,
                status=3 if (n // 10) % 50 == 0 else 0, last_message="connection refused" if n % 500 < 10 else "",
            )
            for n, row in enumerate(rows)
        ),
        batch_size=1000,
    )  # fmt: skip


def main() -> None:
    engine = sys.argv[1] if len(sys.argv) > 1 else "sqlite"
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="qd-", dir="/tmp")))
        os.environ["DJANGO_SETTINGS_MODULE"] = "core.settings"
        os.environ["QUARTERDECK_DATA_DIR"] = str(folder / "data")
        if engine == "postgresql":
            os.environ["QUARTERDECK_DATABASE_URL"] = stack.enter_context(run_postgres(folder))
        django.setup()
        from django.core.management import call_command
        from django.db import connection

        from core.permissions import system_principal
        from ops.health import selectors

        call_command("migrate", verbosity=0)
        bench = system_principal("bench")
        for checks in (1_000, 10_000):
            _fill(checks)
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE")
            from ops.statuses import changes
            from ops.statuses import selectors as statuses

            one = next(iter(statuses.entity_statuses(None)))
            counts = statuses.verdict().counts
            stamp = changes.change_stamp()
            sys.stdout.write(f"{engine}, {checks} checks, {checks // 10} entities\n")
            _measure("entity_statuses(None)", lambda: statuses.entity_statuses(None))
            _measure("entity_statuses of one", lambda: statuses.entity_statuses([one]))  # noqa: B023
            _measure("verdict, statuses known", lambda: statuses.verdict(counts))  # noqa: B023
            _measure("check_rows, 50 worst", lambda: selectors.check_rows(principal=bench))
            _measure("check_rows, 1000", lambda: selectors.check_rows(principal=bench, limit=1000))
            _measure("check_rows, unhealthy", lambda: selectors.check_rows(principal=bench, status="unhealthy"))
            _measure("has_changed", lambda: changes.has_changed(stamp))  # noqa: B023
        connection.close()


if __name__ == "__main__":
    main()

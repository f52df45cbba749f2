"""What history costs: ``python -m tests.bench.history [sqlite|postgresql] [checks]``; processor time of this process.

Rolls up one hour of ``checks`` (1,000 unless given) with a result every 30 s, reads the fleet's uptime from 90 days of
roll-ups, exports, and tells the size of a row. On PostgreSQL the server's own time comes on top.
"""

import contextlib
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import django

from tests.bench.read_model import _fill
from tests.services import run_postgres


def _measure(what: str, call: Callable[[], object], *, rounds: int = 5) -> float:
    spans = []
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        call()
        spans.append((time.process_time() - cpu, time.perf_counter() - wall))
    cpu, wall = min(spans)
    sys.stdout.write(f"  {what:<52} {cpu * 1000:9.2f} ms CPU {wall * 1000:9.2f} ms wall\n")
    return cpu


def _fill_results(check_ids: list[int], start_ms: int) -> None:
    from ops.health.models import CheckResult

    rng = random.Random(1)
    for offset in range(0, 3_600_000, 30_000):
        CheckResult.objects.bulk_create(
            (
                CheckResult(
                    check_id=check_id, slot_ms=start_ms + offset + check_id % 30_000, late_ms=2,
                    duration_us=int(rng.lognormvariate(9.4, 0.4)), outcome=0,
                )
                for check_id in check_ids
            ),
            batch_size=5_000,
        )  # fmt: skip


def _fill_days(check_ids: list[int], today_ms: int, days: int = 120) -> None:
    from ops.health.models import DailyRollup

    for number in range(days):
        DailyRollup.objects.bulk_create(
            (
                DailyRollup(
                    check_id=check_id, start_ms=today_ms - (days - 1 - number) * 86_400_000, healthy=2_880, unknown=0,
                    degraded=0, unhealthy=0, known_ms=86_400_000, degraded_ms=0, down_ms=1_000, latency=b"x" * 90,
                    known_total_ms=(number + 1) * 86_400_000, down_total_ms=(number + 1) * 1_000,
                )
                for check_id in check_ids
            ),
            batch_size=5_000,
        )  # fmt: skip


def _row_sizes() -> None:
    from django.db import connection

    tables = ("ops_checkresult", "ops_finerollup", "ops_hourlyrollup", "ops_dailyrollup")
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"SELECT count(*) FROM {table}")
            rows = cursor.fetchone()[0] or 1
            if connection.vendor == "postgresql":
                cursor.execute(
                    "SELECT sum(pg_relation_size(oid)), sum(pg_total_relation_size(oid)) FROM pg_class "
                    "WHERE relkind = 'r' AND (relname = %s OR oid IN "
                    "(SELECT inhrelid FROM pg_inherits WHERE inhparent = %s::regclass))",
                    [table, table],
                )
            else:
                cursor.execute(
                    "SELECT sum(pgsize) FILTER (WHERE name = %s), sum(pgsize) FROM dbstat "
                    "WHERE name = %s OR name LIKE %s",
                    [table, table, f"sqlite_autoindex_{table}%"],
                )
            heap, total = cursor.fetchone()
            sys.stdout.write(
                f"  {table:<20} {heap / rows:6.1f} bytes a row, {total / rows:6.1f} with its index ({rows})\n"
            )


def main() -> None:
    engine = sys.argv[1] if len(sys.argv) > 1 else "sqlite"
    checks = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="qd-", dir="/tmp")))
        os.environ["DJANGO_SETTINGS_MODULE"] = "core.settings"
        os.environ["QUARTERDECK_DATA_DIR"] = str(folder / "data")
        if engine == "postgresql":
            os.environ["QUARTERDECK_DATABASE_URL"] = stack.enter_context(run_postgres(folder))
        django.setup()
        from django.core.management import call_command
        from django.db import connection

        from core.clock import now_ms
        from core.permissions import system_principal
        from ops.health import rollup
        from ops.health.csv_export import render_csv
        from ops.health.models import Check, RollupProgress, StatusChange
        from ops.health.selectors import history
        from ops.health.selectors.results import stream_results

        call_command("migrate", verbosity=0)
        bench = system_principal("bench")
        hour = now_ms() // 3_600_000 * 3_600_000 - 2 * 3_600_000
        _fill(checks)
        ids = list(Check.objects.order_by("pk").values_list("pk", flat=True))
        StatusChange.objects.bulk_create(StatusChange(check_id=pk, at_ms=hour - 1, status=0) for pk in ids)
        _fill_results(ids, hour)
        _fill_days(ids, now_ms() // 86_400_000 * 86_400_000)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        RollupProgress.objects.get_or_create(pk=1, defaults={"done_until_ms": hour, "ran_at_ms": hour})
        sys.stdout.write(f"{engine}, {checks} checks, a result every 30 s\n")

        def one_step(span_ms: int) -> Callable[[], object]:
            def run() -> None:
                RollupProgress.objects.update(done_until_ms=hour + 3_600_000 - span_ms)
                rollup.roll_up(run_seconds=0, now_ms=hour + 3_600_000 + rollup.SETTLE_MS)

            return run

        five = _measure("roll up 5 minutes, with the hour and the day", one_step(300_000))
        whole = _measure("roll up an hour at once", one_step(3_600_000), rounds=3)
        sys.stdout.write(
            f"  per 10,000 checks: {five * 10_000 / checks:.2f} s for the last 5 minutes of an hour, "
            f"{whole * 10_000 / checks:.2f} s for an hour\n"
        )
        _measure("90 days of uptime of every check", lambda: history.fleet_uptime(principal=bench))
        _measure("90 days of one check, day by day", lambda: history.uptime_days(ids[:1]))
        _measure("uptime of five windows of one check", lambda: history.uptime_windows(ids[0]))
        span = {"since_ms": hour, "until_ms": hour + 3_600_000}
        _measure("a chart of one check, an hour", lambda: history.latency_series(ids[:1], **span))
        _measure(
            "export of one check, an hour", lambda: [len(part) for part in render_csv(stream_results(ids[0], **span))]
        )
        _row_sizes()
        connection.close()


if __name__ == "__main__":
    main()

"""What storing one result costs, and how large its row is."""

import itertools
from collections.abc import Iterator

from django.db import connection, transaction

from ops.health.engine.bulk import insert_results
from ops.health.models import CheckResult
from tests.bench.figures import Contender, Figure, compare
from tests.bench.fleet import clear_fleet
from tests.bench.setting import Setting

GROUP = 200
GROUPS = 10
CHECKS = 2_000
MANY = 60_000
BULK_CREATE_THEN_US = 18.5
"""What ``bulk_create`` cost where the budget was set."""


def measure_storage(setting: Setting) -> Iterator[Figure]:
    clear_fleet()
    slots = itertools.count(1_800_000_000_000, 30_000)

    def lean() -> int:
        slot = next(slots)
        for start in range(0, GROUP * GROUPS, GROUP):
            with transaction.atomic():
                insert_results([_row(check_id, slot) for check_id in range(start, start + GROUP)])
        return GROUP * GROUPS

    def by_orm() -> int:
        slot = next(slots)
        for start in range(0, GROUP * GROUPS, GROUP):
            with transaction.atomic():
                CheckResult.objects.bulk_create(
                    CheckResult(check_id=check_id, slot_ms=slot, late_ms=12, duration_us=23_456, outcome=0)
                    for check_id in range(start, start + GROUP)
                )
        return GROUP * GROUPS

    cost = compare([Contender("own", lean), Contender("orm", by_orm)], rounds=setting.rounds)
    name = f"Result stored, in groups of {GROUP}, {setting.where}"
    yield Figure(name, "us", cost["own"] * 1e6, "bulk_create", cost["orm"] * 1e6, 5, BULK_CREATE_THEN_US)
    yield Figure(f"Result row on disk, index included, {setting.where}", "bytes", _bytes_a_row(slots), budget=80)
    clear_fleet()


def _row(check_id: int, slot: int) -> dict[str, object]:
    return {"check_id": check_id, "slot_ms": slot, "late_ms": 12, "duration_us": 23_456, "outcome": 0}


def _bytes_a_row(slots: Iterator[int]) -> float:
    """Of ``MANY`` rows that came as the engine writes them: slot by slot, each slot in groups."""
    clear_fleet()
    _compact()
    before = _stored_bytes()
    for _ in range(MANY // CHECKS):
        slot = next(slots)
        for start in range(0, CHECKS, GROUP):
            with transaction.atomic():
                insert_results([_row(check_id, slot) for check_id in range(start, start + GROUP)])
    return (_stored_bytes() - before) / MANY


def _compact() -> None:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ops_checkresult" if connection.vendor == "postgresql" else "VACUUM")


def _stored_bytes() -> int:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # The table itself holds nothing, its partitions do.
            cursor.execute("SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('ops_checkresult')")
        else:
            cursor.execute("SELECT (SELECT page_count FROM pragma_page_count) * page_size FROM pragma_page_size")
        return int(cursor.fetchone()[0])

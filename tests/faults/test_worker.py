"""Real workers that are killed or stopped while checks are under way."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.models import Count

from core.models import Pulse
from ops.health.models import Check, CheckResult, CheckState
from tests.faults.conftest import Worker
from tests.ops.health.factories import make_http_check
from tests.ops.health.targets import Target, answer, hang, run_target
from tests.services import wait_for

pytestmark = pytest.mark.django_db(transaction=True)

CHECKS = 60


@pytest.fixture
def target() -> Iterator[Target]:
    with run_target(answer()) as running:
        running.behave = hang(running)
        yield running


def make_checks(target: Target, *, timeout_ms: int) -> list[Check]:
    return [
        make_http_check(target.url, timeout_ms=timeout_ms, interval_ms=600_000, conditions=["[STATUS] == 200"])
        for _ in range(CHECKS)
    ]


def expire_leases() -> None:
    """What would happen by itself once timeout and margin are over."""
    CheckState.objects.exclude(slot_ms=None).update(lease_until_ms=0)


def all_have_results() -> bool:
    return CheckResult.objects.values("check_id").distinct().count() == CHECKS


def assert_one_result_for_each_due_slot(slots: dict[int, int | None]) -> None:
    doubled = CheckResult.objects.values("check_id").annotate(results=Count("slot_ms")).filter(results__gt=1)
    assert list(doubled) == []
    assert dict(CheckResult.objects.values_list("check_id", "slot_ms")) == slots
    assert not CheckState.objects.exclude(slot_ms=None).exists()


def test_a_worker_killed_in_the_middle_of_a_batch_loses_no_slot_and_doubles_none(
    start_worker: Callable[[], Worker], wake_up: Callable[[], Any], target: Target
) -> None:
    make_checks(target, timeout_ms=60_000)
    slots = dict(CheckState.objects.values_list("definition_id", "next_due_ms"))
    worker = start_worker()
    wake_up()
    wait_for(lambda: len(target.requests) == CHECKS, what="every probe to be under way")

    worker.kill_everything()
    assert CheckResult.objects.count() == 0
    target.behave = answer()
    expire_leases()
    start_worker()
    wake_up()

    wait_for(all_have_results, seconds=30, what="a result of each check")
    assert_one_result_for_each_due_slot(slots)


def test_a_child_killed_in_the_middle_of_a_batch_is_replaced(
    start_worker: Callable[[], Worker], wake_up: Callable[[], Any], target: Target
) -> None:
    make_checks(target, timeout_ms=60_000)
    slots = dict(CheckState.objects.values_list("definition_id", "next_due_ms"))
    worker = start_worker()
    wake_up()
    wait_for(lambda: len(target.requests) == CHECKS, what="every probe to be under way")
    busy = [child for child in worker.children if child.net_connections(kind="tcp") and _dials(child, target)]
    assert len(busy) == 1, "one process rolls the engine, the other stays free"

    busy[0].kill()
    target.behave = answer()
    expire_leases()

    def woken_and_done() -> bool:
        wake_up()
        return all_have_results()

    wait_for(woken_and_done, seconds=30, what="a result of each check")
    assert_one_result_for_each_due_slot(slots)


def _dials(child: Any, target: Target) -> bool:
    return any(entry.raddr and entry.raddr.port == target.port for entry in child.net_connections(kind="tcp"))


def test_a_worker_that_is_stopped_gives_its_slots_back_within_ten_seconds(
    start_worker: Callable[[], Worker], wake_up: Callable[[], Any], target: Target
) -> None:
    make_checks(target, timeout_ms=60_000)
    slots = dict(CheckState.objects.values_list("definition_id", "next_due_ms"))
    worker = start_worker()
    wake_up()
    wait_for(lambda: len(target.requests) == CHECKS, what="every probe to be under way")

    worker.terminate()
    worker.process.wait(10)
    assert not CheckState.objects.filter(lease_until_ms__gt=0).exists()
    target.behave = answer()
    start_worker()
    wake_up()

    wait_for(all_have_results, seconds=30, what="a result of each check")
    assert_one_result_for_each_due_slot(slots)


def test_a_worker_keeps_its_connections_to_the_database_from_task_to_task(
    start_worker: Callable[[], Worker], wake_up: Callable[[], Any], on_postgresql: bool
) -> None:
    if not on_postgresql:
        pytest.skip("SQLite is a file")
    database = int(connection.settings_dict["PORT"])
    worker = start_worker()

    def connections() -> set[int]:
        entries = [entry for child in worker.children for entry in child.net_connections(kind="tcp")]
        return {entry.laddr.port for entry in entries if [*entry.raddr][1:] == [database]}

    def last_tick() -> int | None:
        return Pulse.objects.filter(role="worker").values_list("seen_ms", flat=True).first()

    def tick() -> None:
        before = last_tick()
        wake_up()
        wait_for(lambda: last_tick() != before, what="a tick")

    for _ in range(5):
        tick()
    first = connections()
    for _ in range(5):
        tick()

    assert first
    assert first <= connections()

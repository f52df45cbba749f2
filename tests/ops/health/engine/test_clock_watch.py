"""Clocks that are set back or ahead: no stuck check, no slot twice, nothing believed for an hour too long."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
import time_machine
from django.db import connection

from core.clock import database_now_ms, now_ms
from core.pulse import age_ms
from ops.health.engine.clock_watch import watch_clock
from ops.health.engine.spine import Engine
from ops.health.models import CheckResult, CheckState
from ops.health.tasks import tick
from ops.signals.domain import Status
from tests.ops.health.factories import make_check, make_http_check, state_of
from tests.ops.health.targets import Target, answer, run_target

pytestmark = pytest.mark.django_db

HOUR_MS = 3_600_000
INTERVAL_MS = 5_000

type SetClock = Callable[[int], None]


@pytest.fixture
def set_clock(*, on_postgresql: bool) -> Iterator[SetClock]:
    """Set the clock that decides what is due by so many milliseconds: the database's, or this process's."""
    with contextlib.ExitStack() as travels:

        def set_by(ms: int) -> None:
            if not on_postgresql:
                travels.enter_context(time_machine.travel(now_ms() / 1_000 + ms / 1_000, tick=True))
                return
            with connection.cursor() as cursor:
                cursor.execute("CREATE SCHEMA IF NOT EXISTS set_clock")
                cursor.execute(
                    "CREATE OR REPLACE FUNCTION set_clock.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS "
                    f"$$ SELECT pg_catalog.clock_timestamp() + interval '{ms} milliseconds' $$"
                )
                cursor.execute("SET LOCAL search_path = set_clock, pg_catalog, public")

        yield set_by


@pytest.fixture
def target() -> Iterator[Target]:
    with run_target(answer()) as running:
        yield running


def assert_planned_soon(state: CheckState) -> None:
    now = database_now_ms()
    assert state.next_due_ms is not None
    assert now - 1_000 <= state.next_due_ms <= now + INTERVAL_MS + 1_000
    assert state.fresh_until_ms is not None
    assert now < state.fresh_until_ms <= now + 4 * INTERVAL_MS


def test_an_hour_back_leaves_no_check_stuck_and_none_fresh_for_an_hour(
    engine: Engine, target: Target, set_clock: SetClock
) -> None:
    check = make_http_check(target.url, interval_ms=INTERVAL_MS)
    watch_clock()
    engine.run_due_checks()

    set_clock(-HOUR_MS)
    watch_clock()

    state = state_of(check)
    assert state.status == Status.HEALTHY
    assert_planned_soon(state)
    assert state.since_ms is not None
    assert state.last_at_ms is not None
    assert max(state.since_ms, state.last_at_ms) <= database_now_ms()


def test_after_an_hour_back_the_schedule_goes_on_with_slots_of_its_own(
    engine: Engine, target: Target, set_clock: SetClock
) -> None:
    check = make_http_check(target.url, interval_ms=INTERVAL_MS)
    watch_clock()
    engine.run_due_checks()
    set_clock(-HOUR_MS)
    watch_clock()
    CheckState.objects.update(next_due_ms=database_now_ms())

    assert engine.run_due_checks().committed == 1

    assert CheckResult.objects.filter(check_id=check.pk).count() == 2
    assert_planned_soon(state_of(check))


def test_an_hour_ahead_counts_the_slots_that_it_passed(engine: Engine, target: Target, set_clock: SetClock) -> None:
    check = make_http_check(target.url, interval_ms=INTERVAL_MS)
    watch_clock()
    engine.run_due_checks()

    set_clock(HOUR_MS)
    watch_clock()
    engine.run_due_checks()

    state = state_of(check)
    assert CheckResult.objects.filter(check_id=check.pk).count() == 2
    assert state.missed_slots == HOUR_MS // INTERVAL_MS - 1
    assert state.status == Status.HEALTHY
    assert_planned_soon(state)


@pytest.mark.parametrize("jump_ms", [-HOUR_MS, HOUR_MS])
def test_a_probe_that_is_under_way_plans_nothing_by_the_old_clock(
    engine: Engine, target: Target, set_clock: SetClock, jump_ms: int
) -> None:
    under_way, go_on = threading.Event(), threading.Event()

    def wait(connection_: socket.socket, request: bytes) -> None:
        under_way.set()
        go_on.wait(5)
        answer()(connection_, request)

    target.behave = wait
    check = make_http_check(target.url, interval_ms=INTERVAL_MS)
    watch_clock()
    engine._claim_and_start()
    assert under_way.wait(5)

    set_clock(jump_ms)
    watch_clock()
    go_on.set()
    summary = engine.run_due_checks()

    assert summary.discarded == 1
    assert summary.committed == CheckResult.objects.filter(check_id=check.pk).count()
    assert_planned_soon(state_of(check))


def test_what_never_ran_and_what_waits_for_a_ping_follow_the_clock_back(set_clock: SetClock) -> None:
    new = make_check(interval_ms=INTERVAL_MS, due_in_ms=INTERVAL_MS)
    heartbeat = make_check("heartbeat", interval_ms=INTERVAL_MS, due_in_ms=20_000)
    CheckState.objects.filter(pk=heartbeat.pk).update(last_at_ms=database_now_ms())
    standing_still = make_check(due_in_ms=None)
    watch_clock()

    set_clock(-HOUR_MS)
    watch_clock()

    now = database_now_ms()
    assert state_of(new).next_due_ms <= now + INTERVAL_MS  # type: ignore[operator]
    assert now + 15_000 < state_of(heartbeat).next_due_ms <= now + 20_000  # type: ignore[operator]
    assert state_of(standing_still).next_due_ms is None


def test_a_small_correction_moves_nothing(set_clock: SetClock) -> None:
    check = make_check(due_in_ms=500)
    watch_clock()
    before = state_of(check)

    set_clock(-1_000)
    watch_clock()

    assert (state_of(check).next_due_ms, state_of(check).fence) == (before.next_due_ms, before.fence)


def test_every_tick_watches_the_clock(set_clock: SetClock) -> None:
    check = make_check(interval_ms=INTERVAL_MS, due_in_ms=INTERVAL_MS)
    tick()

    set_clock(-HOUR_MS)
    tick()

    assert state_of(check).next_due_ms <= database_now_ms() + INTERVAL_MS  # type: ignore[operator]


def test_a_sign_of_life_that_lies_ahead_is_none() -> None:
    assert age_ms(HOUR_MS, now_ms=0) == HOUR_MS

"""The whole way of a result, with real targets and a real database."""

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection, connections
from prometheus_client import REGISTRY

from core.clock import database_now_ms
from ops.health.engine import spine
from ops.health.engine.commit import commit_outcomes
from ops.health.engine.definitions import load_checks
from ops.health.engine.judging import judge
from ops.health.engine.spine import Engine
from ops.health.models import Check, CheckResult, CheckState, ResultDetail
from ops.probing.body import Body
from ops.probing.probe import Observation
from ops.signals.domain import Status
from tests.ops.health.engine.conftest import MakeEngine
from tests.ops.health.factories import make_http_check, state_of
from tests.ops.health.targets import Target, answer, hang, run_target
from tests.services import wait_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def target() -> Iterator[Target]:
    with run_target(answer(body=b'{"status": "ok", "queue": 7}')) as running:
        yield running


def make_due(*checks: Check) -> None:
    CheckState.objects.filter(pk__in=[check.pk for check in checks]).update(next_due_ms=database_now_ms())


def commit_retries() -> float:
    name = "ops.health.engine.spine._commit_with_retries"
    return REGISTRY.get_sample_value("quarterdeck_retries_total", {"call": name}) or 0.0


def run_for(engine: Engine, seconds: float) -> None:
    ends = time.monotonic() + seconds
    engine._should_stop = lambda: time.monotonic() > ends
    engine.run_due_checks()


def test_a_due_check_is_probed_judged_and_stored(engine: Engine, target: Target) -> None:
    check = make_http_check(target.url, conditions=["[STATUS] == 200", "[BODY].status == ok", "[BODY].queue < 10"])

    summary = engine.run_due_checks()

    state = state_of(check)
    assert (summary.committed, summary.discarded) == (1, 0)
    assert (state.status, state.last_message) == (Status.HEALTHY, "")
    assert CheckResult.objects.get().duration_us == state.last_duration_us > 0  # type: ignore[operator]


@pytest.mark.parametrize(
    ("fields", "status", "message"),
    [
        ({"conditions": ["[STATUS] == 503", "[BODY].queue < 5"]}, Status.UNHEALTHY,
         "[STATUS] (200) == 503; [BODY].queue (7) < 5"),
        ({"degraded_conditions": ["[BODY].queue < 5"]}, Status.DEGRADED, "[BODY].queue (7) < 5"),
        ({"degraded_above_ms": 1_000}, Status.HEALTHY, ""),
    ],
)  # fmt: skip
def test_conditions_decide(
    engine: Engine, target: Target, fields: dict[str, Any], status: Status, message: str
) -> None:
    check = make_http_check(target.url, **fields)

    engine.run_due_checks()

    assert (state_of(check).status, state_of(check).last_message) == (status, message)
    assert ("queue" in ResultDetail.objects.get().excerpt) is (status is not Status.HEALTHY)


def test_a_body_is_let_go_once_it_is_judged() -> None:
    check = make_http_check("http://h/", conditions=["[BODY].queue < 5"])
    seen = Observation(1, values={"STATUS": 200, "BODY": Body(b'{"queue": 7}')})

    assert judge(load_checks([check.pk])[check.pk], seen).message == "[BODY].queue (7) < 5"
    assert "BODY" not in seen.values


def test_an_answer_over_the_time_limit_is_degraded(engine: Engine, target: Target) -> None:
    def slow(connection: socket.socket, request: bytes) -> None:
        target.released.wait(0.15)
        answer()(connection, request)

    target.behave = slow
    check = make_http_check(target.url, degraded_above_ms=100)

    engine.run_due_checks()

    assert state_of(check).status == Status.DEGRADED
    assert state_of(check).last_message.endswith("limit 100 ms")
    assert ResultDetail.objects.get().phase == "slow"


@pytest.mark.parametrize(
    ("status", "healthy"), [("200 OK", True), ("302 Found", True), ("404 Not Found", False), ("500 Oops", False)]
)
def test_without_conditions_a_good_answer_is_enough(
    engine: Engine, target: Target, status: str, *, healthy: bool
) -> None:
    target.behave = answer(status)
    check = make_http_check(target.url)

    engine.run_due_checks()

    assert (state_of(check).status == Status.HEALTHY) is healthy


def test_a_failed_result_keeps_the_trace_that_its_target_was_told(engine: Engine, target: Target) -> None:
    target.behave = answer("500 Oops")
    make_http_check(target.url)

    engine.run_due_checks()

    detail = ResultDetail.objects.get()
    assert detail.phase == "condition"
    assert f"traceparent: 00-{detail.trace_id}-".encode() in target.requests[0]


def test_the_target_of_a_check_decides_its_status_again_and_again(engine: Engine, target: Target) -> None:
    check = make_http_check(target.url)
    for behave, status in (
        (answer(), Status.HEALTHY),
        (answer("503 Busy"), Status.UNHEALTHY),
        (answer(), Status.HEALTHY),
    ):
        target.behave = behave
        make_due(check)
        engine.run_due_checks()
        assert state_of(check).status == status


def test_results_follow_the_grid_without_drift(engine: Engine, target: Target) -> None:
    check = make_http_check(target.url, interval_ms=200, due_in_ms=0)
    first = state_of(check).next_due_ms
    assert first is not None

    run_for(engine, 1.2)

    slots = list(CheckResult.objects.order_by("slot_ms").values_list("slot_ms", flat=True))
    assert len(slots) >= 4
    assert {(slot - first) % 200 for slot in slots} == {0}
    assert len(slots) + state_of(check).missed_slots == (slots[-1] - first) // 200 + 1


def test_a_slot_is_not_run_before_its_time(engine: Engine, target: Target) -> None:
    check = make_http_check(target.url, due_in_ms=400)
    due = state_of(check).next_due_ms
    assert due is not None

    engine.run_due_checks()

    assert state_of(check).last_at_ms >= due  # type: ignore[operator]
    assert CheckResult.objects.get().late_ms < 300


def test_a_target_that_hangs_holds_up_nobody(engine: Engine, target: Target) -> None:
    with run_target(answer()) as stuck:
        stuck.behave = hang(stuck)
        make_http_check(stuck.url, timeout_ms=1_500)
        check = make_http_check(target.url, interval_ms=300)

        run_for(engine, 2)

    assert CheckResult.objects.filter(check_id=check.pk).count() >= 3
    assert CheckResult.objects.exclude(check_id=check.pk).get().duration_us >= 1_400_000


def test_a_check_that_is_paused_while_its_probe_is_under_way_keeps_no_result(engine: Engine, target: Target) -> None:
    check = make_http_check(target.url)

    def pause(connection_: socket.socket, request: bytes) -> None:
        paused.set()
        go_on.wait(5)
        answer()(connection_, request)

    paused, go_on = threading.Event(), threading.Event()
    target.behave = pause
    engine._claim_and_start()
    assert paused.wait(5)
    CheckState.objects.filter(pk=check.pk).update(next_due_ms=None, slot_ms=None, fence=99)
    go_on.set()
    summary = engine.run_due_checks()

    assert (summary.committed, summary.discarded) == (0, 1)
    assert CheckResult.objects.count() == 0
    assert state_of(check).next_due_ms is None


def test_told_to_stop_it_gives_back_what_is_in_flight(make_engine: MakeEngine, target: Target) -> None:
    with run_target(answer()) as stuck:
        stuck.behave = hang(stuck)
        hanging = make_http_check(stuck.url, timeout_ms=60_000)
        waiting = make_http_check(target.url, due_in_ms=900)
        engine = make_engine(should_stop=lambda: bool(stuck.requests))
        started = time.monotonic()

        summary = engine.run_due_checks()

        assert time.monotonic() - started < 20
        assert summary.released == 2
        assert CheckResult.objects.count() == 0
        slot = state_of(hanging).slot_ms
        stuck.behave = answer()
        make_engine().run_due_checks()

    assert CheckResult.objects.get(check_id=hanging.pk).slot_ms == slot
    assert CheckResult.objects.filter(check_id=waiting.pk).count() == 1


def test_at_the_end_of_its_turn_the_only_process_goes_on_with_what_is_in_flight(engine: Engine, target: Target) -> None:
    engine._turn_seconds, engine._keeps_in_flight = 0.2, True
    target.behave = hang(target)
    check = make_http_check(target.url, timeout_ms=800)

    assert engine.run_due_checks().committed == 0
    assert wait_for(lambda: engine.run_due_checks().committed) == 1

    assert len(target.requests) == 1
    assert state_of(check).last_message.startswith("timed out after 800 ms")


@pytest.mark.django_db(transaction=True)
def test_two_engines_at_once_give_one_result_for_each_slot(make_engine: MakeEngine, target: Target) -> None:
    checks = [make_http_check(target.url) for _ in range(60)]
    summaries = []

    def run(engine: Engine) -> None:
        try:
            summaries.append(engine.run_due_checks())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(make_engine(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sum(summary.committed for summary in summaries) == len(checks)
    assert sum(summary.discarded for summary in summaries) == 0
    assert CheckResult.objects.count() == len(checks)
    assert len(target.requests) == len(checks)


def test_a_commit_that_fails_once_is_tried_again(
    engine: Engine, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = make_http_check(target.url)
    failures = [OperationalError("the database went away")]

    def fail_once(outcomes: Any) -> Any:
        if failures:
            raise failures.pop()
        return commit_outcomes(outcomes)

    monkeypatch.setattr(spine, "commit_outcomes", fail_once)
    monkeypatch.setattr(connection, "close", lambda: None)

    before = commit_retries()
    assert engine.run_due_checks().committed == 1
    assert state_of(check).status == Status.HEALTHY
    assert commit_retries() == before + 1


def test_a_result_whose_check_is_being_edited_is_kept_until_it_can_be_committed(
    engine: Engine, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = make_http_check(target.url)
    answers = [{check.pk}, set()]
    monkeypatch.setattr("ops.health.engine.commit.lock_free_states", lambda _ids: answers.pop(0))

    summary = engine.run_due_checks()

    assert (summary.committed, summary.discarded) == (1, 0)
    assert len(target.requests) == CheckResult.objects.count() == 1


def test_a_database_that_stays_away_ends_the_run_and_leaves_the_slot_to_its_lease(
    engine: Engine, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = make_http_check(target.url)

    def fail(outcomes: Any) -> Any:
        raise OperationalError("the database went away")

    monkeypatch.setattr(connection, "close", lambda: None)
    with monkeypatch.context() as broken:
        broken.setattr(spine, "commit_outcomes", fail)
        assert engine.run_due_checks().committed == 0
    assert state_of(check).slot_ms is not None

    CheckState.objects.filter(pk=check.pk).update(lease_until_ms=0)
    assert engine.run_due_checks().committed == 1


def test_the_series_of_a_result_reach_the_scrape(engine: Engine, target: Target) -> None:
    from ops.health.exposition import render_probe_series

    make_http_check(target.url)
    engine.run_due_checks()

    assert b"probe_success{" in wait_for(lambda: render_probe_series(database_now_ms()))

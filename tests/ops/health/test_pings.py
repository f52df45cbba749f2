"""Pings of heartbeats, at the addresses that Healthchecks has."""

import uuid

import pytest
from django.test import Client

from core.clock import database_now_ms
from ops.health.domain import Status
from ops.health.engine.claim import claim_due_checks
from ops.health.engine.spine import Engine
from ops.health.models import Check, CheckResult, CheckState, Heartbeat, ResultDetail
from ops.journal.models import JournalEntry
from tests.ops.health.engine.conftest import engine, make_engine  # noqa: F401 - fixtures
from tests.ops.health.factories import make_check, state_of

pytestmark = pytest.mark.django_db

PERIOD_MS, GRACE_MS = 60_000, 10_000


@pytest.fixture
def heartbeat() -> Check:
    return make_check(
        "heartbeat", {"period": "60s", "grace": "10s"}, interval_ms=PERIOD_MS, due_in_ms=PERIOD_MS + GRACE_MS
    )


def address(check: Check, suffix: str = "") -> str:
    return f"/ping/{Heartbeat.objects.get(pk=check.pk).ping_id}{suffix}"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_ping_is_answered_as_healthchecks_does(heartbeat: Check, method: str) -> None:
    response = Client(enforce_csrf_checks=True).generic(method, address(heartbeat))

    assert response.status_code == 200
    assert response["Content-Type"] == "text/plain"
    assert response.content == (b"" if method == "HEAD" else b"OK")
    assert state_of(heartbeat).status == Status.HEALTHY


def test_a_ping_is_a_result_and_moves_the_deadline(client: Client, heartbeat: Check) -> None:
    client.get(address(heartbeat))

    state = state_of(heartbeat)
    row = CheckResult.objects.get()
    assert (row.outcome, row.slot_ms) == (Status.HEALTHY, state.last_at_ms)
    assert state.next_due_ms == row.slot_ms + PERIOD_MS + GRACE_MS
    assert state.fresh_until_ms is not None
    assert state.fresh_until_ms > state.next_due_ms


def test_two_pings_at_once_are_two_results(client: Client, heartbeat: Check) -> None:
    later = database_now_ms() + 5_000
    CheckState.objects.filter(pk=heartbeat.pk).update(last_slot_ms=later)

    client.get(address(heartbeat))
    client.get(address(heartbeat))

    assert list(CheckResult.objects.values_list("slot_ms", flat=True)) == [later + 1, later + 2]


@pytest.mark.parametrize(
    ("suffix", "body", "message"),
    [
        ("/fail", b"", "reported a failure"),
        ("/fail", b"disk full\n\x1b[31mred", "reported a failure: disk full [31mred"),
        ("/0", b"", ""),
        ("/3", b"", "exit status 3"),
        ("/255", b"x" * 5_000, "exit status 255: " + "x" * 200),
    ],
)
def test_a_job_tells_how_it_ended(client: Client, heartbeat: Check, suffix: str, body: bytes, message: str) -> None:
    client.post(address(heartbeat, suffix), body, content_type="text/plain")

    status = Status.UNHEALTHY if message else Status.HEALTHY
    state = state_of(heartbeat)
    assert (state.status, state.last_message) == (status, message)
    assert JournalEntry.objects.get().after == status.word
    assert ResultDetail.objects.get().message == message


def test_a_start_times_the_run(client: Client, heartbeat: Check) -> None:
    client.get(address(heartbeat, "/start"))
    Heartbeat.objects.filter(pk=heartbeat.pk).update(started_ms=database_now_ms() - 4_000)
    client.get(address(heartbeat))

    assert 4_000_000 <= CheckResult.objects.get().duration_us < 10_000_000
    assert Heartbeat.objects.get(pk=heartbeat.pk).started_ms is None


def test_a_run_that_started_must_end_within_the_grace(client: Client, heartbeat: Check) -> None:
    before = database_now_ms()
    client.get(address(heartbeat, "/start"))

    deadline = state_of(heartbeat).next_due_ms
    assert deadline is not None
    assert before + GRACE_MS <= deadline <= database_now_ms() + GRACE_MS
    assert CheckResult.objects.count() == 0


def test_a_log_changes_nothing(client: Client, heartbeat: Check) -> None:
    before = state_of(heartbeat).next_due_ms

    assert client.post(address(heartbeat, "/log"), b"working on it", content_type="text/plain").content == b"OK"
    assert state_of(heartbeat).next_due_ms == before
    assert CheckResult.objects.count() == 0


def test_silence_past_the_deadline_is_the_failure(client: Client, heartbeat: Check, engine: Engine) -> None:  # noqa: F811
    client.get(address(heartbeat))
    CheckState.objects.filter(pk=heartbeat.pk).update(next_due_ms=database_now_ms() - 5)

    engine.run_due_checks()

    state = state_of(heartbeat)
    assert state.status == Status.UNHEALTHY
    assert state.last_message == "no ping in time: expected one every 1m, with 10s of grace"
    client.get(address(heartbeat))
    assert state_of(heartbeat).status == Status.HEALTHY


def test_a_ping_that_comes_while_the_deadline_is_judged_wins(client: Client, heartbeat: Check) -> None:
    CheckState.objects.filter(pk=heartbeat.pk).update(next_due_ms=database_now_ms() - 5)
    (claim,) = claim_due_checks(limit=1)

    client.get(address(heartbeat))

    assert state_of(heartbeat).fence > claim.fence
    assert (state_of(heartbeat).status, state_of(heartbeat).slot_ms) == (Status.HEALTHY, None)


def test_a_ping_of_a_paused_check_is_noted_and_proves_nothing(client: Client, heartbeat: Check) -> None:
    CheckState.objects.filter(pk=heartbeat.pk).update(next_due_ms=None)

    assert client.get(address(heartbeat)).status_code == 200
    assert Heartbeat.objects.get(pk=heartbeat.pk).pinged_ms is not None
    assert (state_of(heartbeat).next_due_ms, CheckResult.objects.count()) == (None, 0)


@pytest.mark.parametrize("suffix", ["", "/start", "/fail", "/log", "/0"])
def test_an_unknown_address_is_not_found(client: Client, suffix: str) -> None:
    assert client.get(f"/ping/{uuid.uuid4()}{suffix}").status_code == 404


@pytest.mark.parametrize("suffix", ["/256", "/-1", "/nonsense", "/fail/more"])
def test_what_is_no_signal_is_not_found(client: Client, heartbeat: Check, suffix: str) -> None:
    assert client.get(address(heartbeat, suffix)).status_code == 404
    assert CheckResult.objects.count() == 0


def test_other_methods_are_refused(client: Client, heartbeat: Check) -> None:
    assert client.delete(address(heartbeat)).status_code == 405

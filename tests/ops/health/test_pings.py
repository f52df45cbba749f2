"""Pings of heartbeats, at the addresses that Healthchecks has."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from core.clock import database_now_ms
from ops.health.engine.claim import claim_due_checks
from ops.health.engine.spine import Engine
from ops.health.models import Check, CheckResult, CheckState, Heartbeat, Ping, PingKey, ResultDetail
from ops.health.ping_store import PINGS_KEPT
from ops.journal.models import JournalEntry
from ops.signals.domain import Status
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
    started_earlier(heartbeat, 4_000)
    client.get(address(heartbeat))

    assert 4_000_000 <= CheckResult.objects.get().duration_us < 60_000_000
    assert Heartbeat.objects.get(pk=heartbeat.pk).runs == "{}"


def test_runs_that_overlap_are_each_timed_by_their_id(client: Client, heartbeat: Check) -> None:
    first, second = uuid.uuid4(), uuid.uuid4()
    client.get(address(heartbeat, f"/start?rid={first}"))
    started_earlier(heartbeat, 600_000)
    client.get(address(heartbeat, f"/start?rid={second}"))

    client.get(address(heartbeat, f"?rid={second}"))
    client.get(address(heartbeat, f"/0?rid={str(first).upper()}"))
    client.get(address(heartbeat, f"?rid={uuid.uuid4()}"))

    short, long, unknown = CheckResult.objects.order_by("slot_ms").values_list("duration_us", flat=True)
    assert short < 300_000_000
    assert 600_000_000 <= long < 900_000_000
    assert unknown == 0


def test_the_end_of_one_run_leaves_the_other_its_deadline(client: Client, heartbeat: Check) -> None:
    client.get(address(heartbeat, f"/start?rid={uuid.uuid4()}"))
    deadline = state_of(heartbeat).next_due_ms

    client.get(address(heartbeat, f"?rid={uuid.uuid4()}"))

    assert state_of(heartbeat).next_due_ms == deadline


def test_a_run_that_crashed_is_missed_once(client: Client, heartbeat: Check) -> None:
    client.get(address(heartbeat, "/start"))
    started_earlier(heartbeat, GRACE_MS + 1)

    client.get(address(heartbeat, f"?rid={uuid.uuid4()}"))

    due = state_of(heartbeat).next_due_ms
    assert due is not None
    assert due > database_now_ms() + PERIOD_MS


def test_a_run_id_that_is_none_is_refused(client: Client, heartbeat: Check) -> None:
    response = client.get(address(heartbeat, "/start?rid=42"))

    assert response.status_code == 422
    assert response.json()["errors"] == [{"field": "rid", "message": "must be a UUID"}]


@pytest.mark.parametrize(("limit_ms", "status"), [(3_000, Status.DEGRADED), (600_000, Status.HEALTHY)])
def test_a_run_over_its_limit_is_degraded(client: Client, heartbeat: Check, limit_ms: int, status: Status) -> None:
    Check.objects.filter(pk=heartbeat.pk).update(degraded_above_ms=limit_ms)
    client.get(address(heartbeat, "/start"))
    started_earlier(heartbeat, 4_000)

    client.get(address(heartbeat))

    assert state_of(heartbeat).status == status


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=up&msg=OK&ping=", (Status.HEALTHY, "", 0)),
        ("status=up&msg=OK&ping=37.6", (Status.HEALTHY, "", 38_000)),
        ("status=down&msg=disk+full&ping=1e999", (Status.UNHEALTHY, "reported a failure: disk full", 0)),
        ("", (Status.HEALTHY, "", 0)),
    ],
)
def test_a_push_of_uptime_kuma_is_a_ping(
    client: Client, heartbeat: Check, query: str, expected: tuple[Status, str, int]
) -> None:
    ping_id = Heartbeat.objects.get(pk=heartbeat.pk).ping_id

    response = client.get(f"/api/push/{ping_id}?{query}")

    state = state_of(heartbeat)
    assert (response.status_code, response.json()) == (200, {"ok": True})
    assert (state.status, state.last_message, state.last_duration_us) == expected
    assert client.get(f"/api/push/{uuid.uuid4()}").status_code == 404


def test_a_heartbeat_is_pinged_by_its_name_and_the_key_of_its_entity(client: Client, heartbeat: Check) -> None:
    PingKey.objects.create(entity_id=heartbeat.entity_id, key="k3y")

    assert client.get(f"/ping/k3y/{heartbeat.name}/start").content == b"OK"
    assert client.get(f"/ping/k3y/{heartbeat.name}/7").content == b"OK"
    assert state_of(heartbeat).last_message == "exit status 7"
    for unknown in (f"k3y/other-{heartbeat.name}", f"other/{heartbeat.name}", "k3y/", "k3y"):
        assert client.get(f"/ping/{unknown}").status_code == 404


def test_behind_the_trusted_proxy_a_ping_keeps_the_address_of_its_client(
    client: Client, heartbeat: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "SECURE_PROXY_SSL_HEADER", ("HTTP_X_FORWARDED_PROTO", "https"))
    client.get(address(heartbeat), headers={"X-Forwarded-For": "10.9.9.9, 198.51.100.1", "X-Forwarded-Proto": "https"})

    assert Ping.objects.get().address == "198.51.100.1"


def test_the_last_pings_are_kept(client: Client, heartbeat: Check) -> None:
    rid = uuid.uuid4()
    client.get(address(heartbeat, f"/start?rid={rid}"))
    client.post(
        address(heartbeat, f"/3?rid={rid}"),
        b"\xff\0" + b"x" * 20_000,
        content_type="text/plain",
        HTTP_USER_AGENT="curl/8",
    )

    start, end = Ping.objects.order_by("number")
    assert (start.signal, start.rid, start.duration_ms, start.body) == ("start", rid, None, "")
    assert (end.number, end.signal, end.exit_status, end.rid) == (2, "fail", 3, rid)
    assert end.duration_ms is not None
    assert (end.address, end.user_agent) == ("127.0.0.1", "curl/8")
    assert end.body == "\ufffd" + "x" * 9_998


def test_only_so_many_pings_are_kept(client: Client, heartbeat: Check) -> None:
    Heartbeat.objects.filter(pk=heartbeat.pk).update(ping_count=PINGS_KEPT - 1)
    for _ in range(2):
        client.get(address(heartbeat))
    Heartbeat.objects.filter(pk=heartbeat.pk).update(ping_count=2 * PINGS_KEPT - 1)
    client.get(address(heartbeat))

    assert list(Ping.objects.order_by("number").values_list("number", flat=True)) == [PINGS_KEPT + 1, 2 * PINGS_KEPT]


def started_earlier(check: Check, by_ms: int) -> None:
    beat = Heartbeat.objects.get(pk=check.pk)
    beat.runs = json.dumps({rid: at - by_ms for rid, at in json.loads(beat.runs).items()})
    beat.save()


def test_a_run_that_started_must_end_within_the_grace(client: Client, heartbeat: Check) -> None:
    before = database_now_ms()
    client.get(address(heartbeat, "/start"))

    deadline = state_of(heartbeat).next_due_ms
    assert deadline is not None
    assert before + GRACE_MS <= deadline <= database_now_ms() + GRACE_MS
    assert CheckResult.objects.count() == 0


def test_a_run_that_did_not_end_is_told_as_such(client: Client, heartbeat: Check, engine: Engine) -> None:  # noqa: F811
    began = 1_767_269_045_000  # 12:04:05 UTC
    Heartbeat.objects.filter(pk=heartbeat.pk).update(runs=json.dumps({"": began, "other": began + 1}))
    CheckState.objects.filter(pk=heartbeat.pk).update(next_due_ms=began + GRACE_MS)

    engine.run_due_checks()

    told = ResultDetail.objects.earliest("slot_ms").message  # the next slot may be due already
    assert told == "the run that began at 12:04:05 UTC did not end within 10 s"
    CheckState.objects.filter(pk=heartbeat.pk).update(next_due_ms=database_now_ms() - 5)
    engine.run_due_checks()
    assert state_of(heartbeat).last_message.startswith("no ping in time")


def test_a_stored_definition_that_is_not_valid_is_told(client: Client, heartbeat: Check, engine: Engine) -> None:  # noqa: F811
    Check.objects.update(config={"period": "often"})
    CheckState.objects.filter(pk=heartbeat.pk).update(next_due_ms=database_now_ms() - 5)

    engine.run_due_checks()

    assert "period" in state_of(heartbeat).last_message
    assert client.get(address(heartbeat)).status_code == 404


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
    assert state.last_message == "no ping in time: expected one every 60 s, with 10 s of grace"
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


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_refused(client: Client, heartbeat: Check, method: str) -> None:
    response = client.generic(method, address(heartbeat))

    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD, POST")
    assert response["Content-Type"] == "application/problem+json"
    assert Ping.objects.count() == 0


@pytest.mark.django_db(transaction=True)
class TestOutsideOfTransactions:
    """As a server does it: on PostgreSQL an ordinary ping takes no lock first."""

    def test_ordinary_pings_leave_what_others_do(self, client: Client, heartbeat: Check) -> None:
        for suffix in ("", "", "/log", "", "/start", "/fail", "", ""):
            assert client.get(address(heartbeat, suffix)).content == b"OK"

        state = state_of(heartbeat)
        assert CheckResult.objects.count() == 6
        assert [ping.number for ping in Ping.objects.order_by("number")] == list(range(1, 9))
        assert (state.status, state.slot_ms, state.lease_until_ms) == (Status.HEALTHY, None, 0)
        assert state.last_slot_ms == CheckResult.objects.order_by("-slot_ms")[0].slot_ms
        assert state.next_due_ms == (state.last_at_ms or 0) + PERIOD_MS + GRACE_MS

    def test_pings_at_the_same_time_are_each_taken(self, heartbeat: Check) -> None:
        where = address(heartbeat)

        def ping(_number: int) -> int:
            try:
                return Client().get(where).status_code
            finally:
                connection.close()

        with ThreadPoolExecutor(6) as pool:
            assert list(pool.map(ping, range(30))) == [200] * 30
        assert CheckResult.objects.count() == Ping.objects.count() == 30
        assert sorted(Ping.objects.values_list("number", flat=True)) == list(range(1, 31))

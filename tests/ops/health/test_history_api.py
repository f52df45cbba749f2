"""The history of checks over REST."""

import csv
import io
import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from core.clock import database_now_ms, from_ms
from core.permissions import Role
from ops.health.models import Check, CheckResult, ResultDetail, StatusChange
from ops.health.selectors import results as results_selector
from ops.signals.domain import Status
from tests.ops.health.factories import make_check

pytestmark = pytest.mark.django_db

MINUTE_MS = 60_000
HOUR_MS = 3_600_000

type Get = Callable[..., HttpResponse]


@pytest.fixture
def get(client_of: Callable[[Role], Client]) -> Get:
    client = client_of(Role.VIEWER)

    def get(check: Check, what: str, **query: str) -> HttpResponse:
        return client.get(f"/api/v1/checks/{check.uid}/{what}", query)  # type: ignore[return-value]

    return get


def iso(moment_ms: int) -> str:
    return from_ms(moment_ms).isoformat()


def body(response: HttpResponse) -> Any:
    assert response.status_code == 200, response.content
    return json.loads(response.content)


def refused(response: HttpResponse) -> dict[str, str]:
    assert response.status_code == 422, response.content
    return {error["field"]: error["message"] for error in json.loads(response.content)["errors"]}


def add_result(check: Check, slot_ms: int, outcome: Status = Status.HEALTHY, **detail: str) -> None:
    CheckResult.objects.create(check_id=check.pk, slot_ms=slot_ms, late_ms=5, duration_us=20_000, outcome=outcome)
    if detail:
        ResultDetail.objects.create(check_id=check.pk, slot_ms=slot_ms, **detail)


def lines_of(response: HttpResponseBase) -> list[list[str]]:
    assert isinstance(response, StreamingHttpResponse)
    return list(csv.reader(io.StringIO(response.getvalue().decode())))


def test_a_result_carries_what_is_known_of_its_failure(get: Get) -> None:
    check, now = make_check(), database_now_ms()
    add_result(check, now - 2000)
    add_result(
        check, now - 1000, Status.UNHEALTHY, phase="condition", message="[STATUS] (500) == 200", excerpt="<h1>no",
        trace_id="a" * 32,
    )  # fmt: skip

    page = body(get(check, "results"))

    failed, fine = page["items"]
    assert failed["detail"] == {
        "phase": "condition", "message": "[STATUS] (500) == 200", "excerpt": "<h1>no", "trace_id": "a" * 32,
    }  # fmt: skip
    assert (fine["detail"], fine["outcome"], fine["duration_ms"]) == (None, "healthy", 20)
    assert page["kept_since"] < fine["slot"] < fine["started_at"] < failed["slot"]


def test_uptime_is_time_not_unhealthy_over_time_known(get: Get) -> None:
    check, now = make_check(), database_now_ms()
    for age, status in ((40, Status.HEALTHY), (30, Status.UNHEALTHY), (20, Status.DEGRADED), (10, Status.UNKNOWN)):
        StatusChange.objects.create(check_id=check.pk, at_ms=now - age * MINUTE_MS, status=status)

    answer = body(get(check, "uptime", days="3"))

    assert answer["windows"] == {name: pytest.approx(2 / 3, abs=1e-3) for name in ("1h", "24h", "7d", "30d", "90d")}
    assert len(answer["days"]) == 3
    assert sum(day["down_seconds"] for day in answer["days"]) == pytest.approx(600, abs=2)


def test_percentiles_tell_what_they_are_of(get: Get) -> None:
    check, now = make_check(), database_now_ms()
    for number in range(100):
        CheckResult.objects.create(
            check_id=check.pk, slot_ms=now - number * 1000 - 1, late_ms=0, duration_us=(number + 1) * 1000, outcome=0
        )
    add_result(check, now - 500_000, Status.UNHEALTHY)

    answer = body(get(check, "percentiles", since=iso(now - HOUR_MS)))

    assert answer["p50_ms"] == pytest.approx(50, rel=0.021)
    assert answer["p99_ms"] == pytest.approx(99, rel=0.021)
    assert answer["results"] == {"healthy": 100, "unknown": 0, "degraded": 0, "unhealthy": 1}


def test_intervals_cover_the_range(get: Get) -> None:
    check, now = make_check(), database_now_ms()
    StatusChange.objects.create(check_id=check.pk, at_ms=now - HOUR_MS, status=Status.UNHEALTHY)

    items = body(get(check, "intervals", since=iso(now - 2 * HOUR_MS), until=iso(now)))["items"]

    assert [(item["status"], item["seconds"]) for item in items] == [("unknown", 3600), ("unhealthy", 3600)]


def test_a_series_has_columns_of_one_length(get: Get) -> None:
    check, now = make_check(), database_now_ms()
    add_result(check, now - MINUTE_MS, Status.UNHEALTHY)

    answer = body(get(check, "series", points="50"))

    assert {len(answer[name]) for name in ("start", "p50_ms", "p95_ms", "failures")} == {len(answer["start"])}
    assert (len(answer["start"]) <= 51, sum(answer["failures"])) == (True, 1)


@pytest.mark.parametrize("what", ["results", "results.csv", "percentiles", "intervals", "series"])
def test_a_range_that_cannot_be_is_refused(get: Get, what: str) -> None:
    check, now = make_check(), database_now_ms()

    assert "after" in refused(get(check, what, since=iso(now), until=iso(now - 1000)))["until"]
    assert "future" in refused(get(check, what, since=iso(now + HOUR_MS)))["since"]
    assert refused(get(check, what, since="yesterday"))
    assert refused(get(check, what, sinse=iso(now)))


@pytest.mark.parametrize("what", ["results", "results.csv", "percentiles", "intervals", "series"])
@pytest.mark.parametrize("end", ["since", "until"])
@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_moment_out_of_all_range_is_refused(get: Get, what: str, end: str, moment: str) -> None:
    assert "1970" in refused(get(make_check(), what, **{end: moment}))[end]


def test_a_range_beyond_what_is_kept_says_so(get: Get) -> None:
    check, now = make_check(), database_now_ms()
    since, until = iso(now - 72 * HOUR_MS), iso(now - 49 * HOUR_MS)

    assert "kept: 48h, since" in refused(get(check, "results", since=since, until=until))["until"]
    for what in ("percentiles", "series"):
        assert "kept: 400d, since" in refused(get(check, what, since=iso(now - 401 * 24 * HOUR_MS)))["since"]


def test_changes_of_status_are_told_however_old(get: Get) -> None:
    check, now = make_check(), database_now_ms()
    StatusChange.objects.create(check_id=check.pk, at_ms=now - 1000 * 24 * HOUR_MS, status=Status.HEALTHY)

    [item] = body(get(check, "intervals", since=iso(now - 999 * 24 * HOUR_MS), until=iso(now - HOUR_MS)))["items"]
    assert item["status"] == "healthy"


def test_an_export_has_every_result_and_reads_them_in_portions(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results_selector, "STREAM_ROWS", 10)
    check, now = make_check(), database_now_ms()
    slots = sorted(random.Random(1).sample(range(now - HOUR_MS, now), 35), reverse=True)
    for slot in slots:
        add_result(check, slot)

    response = get(check, "results.csv")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    with CaptureQueriesContext(connection) as queries:
        head, *lines = lines_of(response)

    assert head[:4] == ["slot", "started_at", "outcome", "duration_ms"]
    assert [line[0] for line in lines] == [from_ms(slot).isoformat(timespec="milliseconds") for slot in slots]
    assert len(queries) == 8  # four portions, each with its details


@pytest.mark.parametrize("message", ["=HYPERLINK(1)", "+1", "-1", "@x", "  =1", "|cmd"])
def test_no_cell_of_an_export_is_a_formula(get: Get, message: str) -> None:
    check = make_check()
    add_result(check, database_now_ms() - 1000, Status.UNHEALTHY, phase="connect", message=message)

    _, line = lines_of(get(check, "results.csv"))

    assert line[4:6] == ["connect", "'" + message]


def test_the_uptime_of_all_checks_is_one_answer(client_of: Callable[[Role], Client]) -> None:
    answer = client_of(Role.VIEWER).get("/api/v1/uptime?days=30")
    assert json.loads(answer.content) == {"days": 30, "uptime": {}}


@pytest.mark.parametrize(
    "what", ["results", "results.csv", "uptime", "percentiles", "intervals", "series"]
)  # fmt: skip
def test_a_check_that_does_not_exist_has_no_history(client_of: Callable[[Role], Client], what: str) -> None:
    assert client_of(Role.VIEWER).get(f"/api/v1/checks/chk_none/{what}").status_code == 404

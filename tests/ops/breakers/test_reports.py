"""Reports of programs: order, repetition, wrong items, limits, and what becomes of silence."""

import datetime as dt
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from core.clock import from_ms, now_ms
from core.models import Revision
from core.permissions import Principal, Role
from entities.models import Entity
from ops.breakers import selectors, store
from ops.breakers.models import BreakerInstance, BreakerTransition, FleetBreaker
from ops.breakers.reports import AHEAD_MS_MAX, BATCH_MAX, ReportOutcome
from ops.breakers.selectors.signals import BreakerSignals
from ops.breakers.services import take_reports
from ops.breakers.store import silence_stale
from ops.journal.models import JournalEntry
from ops.signals.domain import Status, worst_standings
from tests.ops.breakers.conftest import item, the_breaker

type Report = Callable[..., ReportOutcome]


def ago(seconds: float) -> str:
    return from_ms(now_ms() - round(seconds * 1_000)).isoformat()


@pytest.mark.django_db
def test_instances_are_kept_apart_and_add_up(report: Report, staff: Principal) -> None:
    outcome = report(item("open", instance="a"), item("closed", instance="b"), item("closed", instance="c"))
    assert outcome == ReportOutcome(3, 0, 0, ())
    row = selectors.breaker_row(principal=staff, uid=the_breaker().uid)
    assert (row.state, row.status, row.kind, row.matching, row.instance_count) == ("open", "degraded", "report", 1, 3)
    assert [(instance.instance, instance.state) for instance in row.instances] == [
        ("a", "open"), ("b", "closed"), ("c", "closed"),
    ]  # fmt: skip
    assert row.summary == "open on 1 of 3 instances"


@pytest.mark.django_db
def test_the_same_batch_again_changes_nothing(report: Report) -> None:
    batch = [item("closed", at=ago(3)), item("open", at=ago(2)), item("half_open", at=ago(1), calls=7)]
    assert report(*batch).accepted == 3
    revision = Revision.objects.get().value
    assert report(*batch) == ReportOutcome(0, 1, 2, ())
    assert Revision.objects.get().value == revision
    steps = list(BreakerTransition.objects.order_by("id").values_list("before", "after"))
    assert steps == [("", "closed"), ("closed", "open"), ("open", "half_open")]


@pytest.mark.django_db
def test_an_older_report_never_overwrites_a_newer_one(report: Report) -> None:
    report(item("open", at=ago(1)))
    assert report(item("closed", at=ago(5))).older == 1
    assert the_breaker().state == "open"


@pytest.mark.django_db
def test_items_of_a_batch_are_taken_in_the_order_of_their_time(report: Report) -> None:
    report(item("closed", at=ago(1)), item("open", at=ago(2)))
    assert the_breaker().state == "closed"
    assert BreakerTransition.objects.count() == 2


@pytest.mark.django_db
def test_of_a_batch_without_times_the_last_item_counts(report: Report) -> None:
    assert report(item("closed", at=None), item("open", at=None)) == ReportOutcome(2, 0, 0, ())
    assert the_breaker().state == "open"


@pytest.mark.django_db
@pytest.mark.parametrize("field", ["at", "since", "next_half_open_at"])
@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_time_that_nobody_lives_in_is_refused(report: Report, field: str, moment: str) -> None:
    outcome = report(item("open", **{field: moment}))

    assert [(error.code, error.field) for error in outcome.errors] == [("invalid", field)]


@pytest.mark.django_db
def test_a_sequence_orders_what_happened_in_one_moment(report: Report) -> None:
    moment = ago(1)
    report(item("half_open", at=moment, sequence=2), item("open", at=moment, sequence=1))
    assert the_breaker().state == "half_open"
    assert report(item("open", at=moment, sequence=1)).older == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        ({"state": "ajar"}, "invalid", "state"),
        ({"state": None}, "invalid", "state"),
        ({"breaker": ""}, "invalid", "breaker"),
        ({"breaker": "x" * 201}, "invalid", "breaker"),
        ({"breaker": "a\nb"}, "invalid", "breaker"),
        ({"instance": ["a"]}, "invalid", "instance"),
        ({"calls": -1}, "invalid", "calls"),
        ({"calls": 2**63}, "invalid", "calls"),
        ({"calls": True}, "invalid", "calls"),
        ({"failure_rate": 101}, "invalid", "failure_rate"),
        ({"failure_rate": "NaN"}, "invalid", "failure_rate"),
        ({"ttl": "1s"}, "invalid", "ttl"),
        ({"at": "yesterday"}, "invalid", "at"),
        ({"at": "2026-01-01T00:00:00"}, "invalid", "at"),
        ({"more": 1}, "invalid", "more"),
        ({"entity": "nobody"}, "unknown_entity", "entity"),
    ],
)
def test_a_wrong_item_has_its_own_error(report: Report, wrong: dict[str, Any], code: str, field: str) -> None:
    outcome = report(item("open"), {**item(), **wrong})
    assert outcome.accepted == 1
    (error,) = outcome.errors
    assert (error.index, error.code, error.field) == (1, code, field)


@pytest.mark.django_db
def test_what_comes_from_the_future_is_refused(report: Report) -> None:
    at = dt.datetime.now(dt.UTC) + dt.timedelta(milliseconds=AHEAD_MS_MAX * 10)
    (error,) = report(item("open", at=at.isoformat())).errors
    assert error.code == "future"


@pytest.mark.django_db
def test_breakers_and_instances_of_an_entity_are_bounded(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "BREAKERS_PER_ENTITY_MAX", 2)
    monkeypatch.setattr(store, "INSTANCES_PER_ENTITY_MAX", 3)
    outcome = report(*(item(breaker=f"b{number}") for number in range(5)))
    assert (outcome.accepted, [error.code for error in outcome.errors]) == (2, ["over_limit"] * 3)
    outcome = report(*(item(breaker="b0", instance=f"i{number}") for number in range(5)))
    assert (outcome.accepted, len(outcome.errors)) == (1, 4)
    assert BreakerInstance.objects.count() == 3


@pytest.mark.django_db
def test_a_report_that_meets_the_deletion_of_its_breaker_is_taken(
    report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    report(item(breaker="b0"))
    real, calls = store.ensure_breakers, list[int]()

    def ensure(news: Sequence[store.News], *, now_ms: int) -> object:
        full = real(news, now_ms=now_ms)
        if not calls:
            FleetBreaker.objects.filter(name="b0").delete()
        calls.append(now_ms)
        return full

    monkeypatch.setattr(store, "ensure_breakers", ensure)
    outcome = report(item(breaker="b0"), item(breaker="b1"))

    assert (outcome.accepted, outcome.errors, len(calls)) == (2, (), 2)
    assert set(FleetBreaker.objects.values_list("name", flat=True)) == {"b0", "b1"}
    assert BreakerInstance.objects.count() == 2


@pytest.mark.django_db
def test_silence_turns_unknown(report: Report, staff: Principal) -> None:
    report(item("open", ttl="10s"), item("closed", instance="b", ttl="1h"))
    later = now_ms() + 20_000
    assert silence_stale(now_ms=later) == 1
    breaker = the_breaker()
    assert (breaker.state, breaker.silent, breaker.instance_count) == ("closed", 1, 2)
    last = BreakerTransition.objects.latest("id")
    assert (last.instance, last.before, last.after) == ("a", "open", "unknown")
    assert silence_stale(now_ms=later) == 0
    report(item("open"))
    assert the_breaker().state == "open"


@pytest.mark.django_db
def test_a_breaker_of_which_all_news_stopped_is_unknown_even_when_nobody_writes_it_down(
    report: Report, entity: Entity
) -> None:
    report(item("open", ttl="10s"))
    now = now_ms()
    assert worst_standings(BreakerSignals().told(now))[entity.pk].severity == Status.DEGRADED
    later = worst_standings(BreakerSignals().told(now + 20_000))[entity.pk]
    assert later.severity == Status.UNKNOWN
    assert later.since_ms == the_breaker().fresh_until_ms
    (reason,) = BreakerSignals().reasons([entity.pk], now + 20_000)
    assert (reason.severity, reason.name, reason.message) == (Status.UNKNOWN, "cards", "unknown")


@pytest.mark.django_db
def test_transitions_are_in_the_timeline_of_the_entity(report: Report) -> None:
    report(item("closed", at=ago(9)))
    report(item("open", at=ago(5), message="connection refused"))
    entry = JournalEntry.objects.get(kind="breaker.state")
    assert (entry.subject, entry.before, entry.after) == ("cards", "closed", "open")
    assert entry.message == "connection refused"


@pytest.mark.django_db
def test_the_api_takes_reports_and_shows_them(client_of: Callable[[Role], Client], entity: Entity) -> None:
    operator = client_of(Role.OPERATOR)
    body = {"reports": [item("closed", at=ago(2)), item("open", at=ago(1), calls=10, failure_rate=75), {"no": 1}]}
    answer = operator.post("/api/v1/breakers/reports", body, content_type="application/json").json()
    assert (answer["accepted"], answer["errors"][0]["index"]) == (2, 2)
    (shown,) = operator.get("/api/v1/breakers", {"state": "troubled"}).json()["items"]
    assert (shown["state"], shown["failure_share"], shown["entity"]) == ("open", 0.75, entity.name)
    assert shown["instances"][0]["calls"] == 10
    assert operator.get(f"/api/v1/breakers/{shown['id']}").json()["id"] == shown["id"]
    steps = operator.get(f"/api/v1/breakers/{shown['id']}/transitions").json()["items"]
    assert [(step["before"], step["after"]) for step in steps] == [("closed", "open"), ("", "closed")]
    assert operator.get("/api/v1/breakers/brk_no").status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("body", [[], {}, {"reports": {}}, {"reports": [1]}, {"reports": [{}] * (BATCH_MAX + 1)}])
def test_a_body_of_another_shape_is_refused(client_of: Callable[[Role], Client], body: Any) -> None:
    answer = client_of(Role.OPERATOR).post("/api/v1/breakers/reports", body, content_type="application/json")
    assert answer.status_code == 422


@pytest.mark.django_db
def test_viewers_may_not_report(client_of: Callable[[Role], Client]) -> None:
    answer = client_of(Role.VIEWER).post("/api/v1/breakers/reports", {"reports": []}, content_type="application/json")
    assert answer.status_code == 403


@pytest.mark.django_db
def test_lists_go_on_where_they_stopped(report: Report, staff: Principal) -> None:
    states = ["closed", "open", "half_open", "disabled", "open"]
    report(*(item(state, breaker=f"b{place}", failure_rate=place) for place, state in enumerate(states)))
    for sort, expected in (("trouble", "b4 b1 b2 b3 b0"), ("failures", "b4 b3 b2 b1 b0"), ("name", "b0 b1 b2 b3 b4")):
        names, cursor = [], None
        while True:
            page = selectors.breaker_rows(principal=staff, sort=sort, limit=2, cursor=cursor)  # type: ignore[arg-type]
            names += [row.name for row in page.items]
            if (cursor := page.next_cursor) is None:
                break
        assert " ".join(names) == expected
    totals = selectors.breaker_totals()
    assert (totals.total, totals.troubled, sum(totals.opened_hourly)) == (5, 3, 2)
    assert selectors.state_counts(principal=staff) == {"open": 2, "half_open": 1, "disabled": 1, "closed": 1}


@pytest.mark.django_db(transaction=True)
def test_reports_at_the_same_time_do_not_lose_each_other(entity: Entity, staff: Principal) -> None:
    """Several programs create and follow the same breakers at once."""
    moments = [ago(60 - place) for place in range(6)]
    start, failures = threading.Barrier(4), list[BaseException]()

    def send(number: int) -> None:
        try:
            start.wait(20)
            for place, at in enumerate(moments):
                state = "open" if place % 2 == 0 else "closed"
                batch = [item(state, breaker=f"b{other}", at=at, instance="shared") for other in range(5)]
                batch.append(item(state, breaker="b0", at=at, instance=f"own-{number}"))
                take_reports(principal=staff, reports=batch)
        except BaseException as error:  # noqa: BLE001 - told by the test
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not failures
    assert BreakerInstance.objects.count() == 5 + 4
    assert set(BreakerInstance.objects.values_list("state", flat=True)) == {"closed"}
    shared = BreakerTransition.objects.filter(instance="shared", breaker_id=BreakerInstance.objects.first().breaker_id)  # type: ignore[union-attr]
    changes = list(shared.order_by("id").values_list("before", "after"))
    assert all(before != after for before, after in changes)

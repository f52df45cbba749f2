"""The platform's own errors: kept like everybody's, whatever state the platform is in."""

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test import Client

from core.celery import app
from core.permissions import Role
from core.telemetry import error_reports
from core.telemetry.error_reports import keep_errors_in, report_error
from core.telemetry.logging import bind_request_id
from ops.errors import own
from ops.errors.digest import digest_spool
from ops.errors.models import ErrorGroup, SpooledEvent, StoredEvent
from ops.errors.own import OWN_ERRORS, OwnErrors
from ops.errors.stored_events import read_stored
from tests.entities.catalogue import add_entity

type Kept = list[dict[str, Any]]


@pytest.fixture(autouse=True)
def _kept_as_in_production(_own_errors_are_not_kept: None) -> Iterator[None]:
    error_reports._reports.kept = 0
    keep_errors_in(OWN_ERRORS.keep)
    yield
    bind_request_id("")


@pytest.fixture
def kept() -> Kept:
    events: Kept = []
    keep_errors_in(lambda _role, event: events.append(dict(event)))
    return events


def _raised() -> Exception:
    try:
        raise LookupError("lost at /ping/8f6c-secret")
    except LookupError as error:
        return error


@pytest.mark.django_db(transaction=True)
def test_an_error_of_the_web_server_is_a_group_of_its_entity(
    client_of: Callable[[Role], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    add_entity("quarterdeck-web")
    monkeypatch.setattr("ops.errors.selectors.group_rows", lambda **_: 1 / 0)
    response = client_of(Role.ADMIN).get("/api/v1/errors", headers={"X-Request-ID": "req-7"})
    assert response.status_code == 500
    assert OWN_ERRORS.flush(10)
    digest_spool()

    group = ErrorGroup.objects.get()
    assert (group.entity.name, group.title) == ("quarterdeck-web", "ZeroDivisionError: division by zero")
    data = read_stored(bytes(StoredEvent.objects.get().data))
    assert ["request_id", "req-7"] in data["tags"]  # type: ignore[operator]


def test_it_says_where_and_in_which_request_without_secrets(kept: Kept) -> None:
    bind_request_id("req-7")
    report_error(_raised(), transaction="GET /ping", request={"method": "GET", "url": "/ping/8f6c-secret?token=x"})

    (event,) = kept
    assert event["tags"] == {"role": "web", "request_id": "req-7"}
    assert event["exception"]["values"][0]["stacktrace"]["frames"][-1]["in_app"] is True
    assert "8f6c" not in str(event)


def test_a_task_that_fails_is_kept(kept: Kept) -> None:
    @app.task(name="test.fails")
    def fails() -> None:
        raise LookupError("no such thing")

    fails.apply()
    assert [(event["transaction"], bool(event["tags"]["task_id"])) for event in kept] == [("test.fails", True)]


def test_a_flood_is_kept_up_to_a_bound(kept: Kept) -> None:
    for _ in range(3 * error_reports.KEPT_PER_MINUTE):
        report_error(_raised())
    assert error_reports.KEPT_PER_MINUTE <= len(kept) <= 2 * error_reports.KEPT_PER_MINUTE  # a minute may end within


def test_a_store_that_fails_does_not_come_back_as_an_error() -> None:
    calls = []

    def store(_role: str, _event: Any) -> None:
        calls.append(1)
        report_error(_raised())
        raise RuntimeError("no room")

    keep_errors_in(store)
    report_error(_raised())
    assert calls == [1]


def test_the_queue_is_bounded_and_nobody_waits_for_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    stuck, passed = threading.Event(), []

    def spool(item: Any) -> None:
        stuck.wait(20)
        passed.append(item)
        raise DatabaseError("away")

    monkeypatch.setattr(own, "_spool", spool)
    errors = OwnErrors()
    for _ in range(own.QUEUE_MAX * 3):
        errors.keep("web", {})
    stuck.set()
    assert errors.flush(10)
    assert own.QUEUE_MAX <= len(passed) <= own.QUEUE_MAX + 1


@pytest.mark.django_db(transaction=True)
def test_while_the_database_fails_errors_are_let_go_and_do_not_breed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own, "WAIT_SECONDS", 0.01)
    add_entity("quarterdeck-web")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE ops_spooledevent RENAME TO ops_spooledevent_away")
    try:
        for _ in range(3):
            report_error(_raised())
        assert OWN_ERRORS.flush(20)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE ops_spooledevent_away RENAME TO ops_spooledevent")
    assert error_reports._reports.kept == 3
    report_error(_raised())
    assert OWN_ERRORS.flush(20)
    assert SpooledEvent.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_without_its_entity_an_error_is_let_go() -> None:
    OWN_ERRORS.keep("web", {})
    assert OWN_ERRORS.flush(10)
    assert not SpooledEvent.objects.exists()


def test_an_error_that_ends_a_thread_is_kept(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _arguments: None)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    error_reports._catch_what_nobody_caught()

    def work() -> None:
        raise LookupError("gone")

    thread = threading.Thread(target=work, name="prober")
    thread.start()
    thread.join()
    assert [event["transaction"] for event in kept] == ["thread prober"]

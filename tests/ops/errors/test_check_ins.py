"""Check-ins of Sentry's SDKs are pings of heartbeats."""

from collections.abc import Callable
from typing import Any

import pytest

from entities.models import Entity
from ops.errors.models import SpooledEvent
from ops.health.models import Check, Ping
from ops.signals.domain import Status
from tests.ops.errors.conftest import envelope
from tests.ops.health.factories import make_check, state_of

type Send = Callable[..., Any]
pytestmark = pytest.mark.django_db
RUN = "9ec79c33ec9942ab8353589fcb2e04dc"


@pytest.fixture
def nightly(entity: Entity) -> Check:
    config = {"period": "60s", "grace": "10s"}
    return make_check("heartbeat", config, entity=entity, name="nightly", interval_ms=60_000, due_in_ms=70_000)


def check_in(status: str, **more: Any) -> bytes:
    payload = {"check_in_id": RUN, "monitor_slug": "nightly", "status": status, "environment": "production", **more}
    return envelope(payload, kind="check_in")


@pytest.mark.parametrize(("status", "outcome"), [("ok", Status.HEALTHY), ("error", Status.UNHEALTHY)])
def test_a_check_in_is_a_run_with_its_start_and_its_end(
    send: Send, nightly: Check, status: str, outcome: Status
) -> None:
    assert send(check_in("in_progress")).status_code == 200
    assert send(check_in(status, duration=1.5)).status_code == 200

    start, end = Ping.objects.order_by("number")
    assert (start.signal, end.signal) == ("start", "success" if status == "ok" else "fail")
    assert (start.rid, end.duration_ms) == (end.rid, 1_500)
    assert state_of(nightly).status == outcome
    assert not SpooledEvent.objects.exists()


@pytest.mark.parametrize(
    "more",
    [
        {"monitor_slug": "other"}, {"monitor_slug": 7}, {"monitor_slug": "night\0ly"}, {"status": "missed"},
        {"status": ["ok"]}, {"check_in_id": "x", "duration": "long", "monitor_slug": None},
    ],
)  # fmt: skip
def test_a_check_in_that_says_nothing_is_let_go(send: Send, nightly: Check, more: dict[str, Any]) -> None:
    assert send(check_in(**{"status": "ok", **more})).status_code == 200
    assert not Ping.objects.exists()


def test_a_check_in_reaches_only_the_entity_of_its_dsn(send: Send, key: Any) -> None:
    elsewhere = make_check("heartbeat", {"period": "60s", "grace": "10s"}, name="nightly", interval_ms=60_000)
    send(check_in("ok"))
    assert state_of(elsewhere).status != Status.HEALTHY

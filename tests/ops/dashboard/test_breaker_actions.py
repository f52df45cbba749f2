"""What the buttons of breaker pages do: who may, what is audited, what the page is told."""

import ipaddress
import json
from collections.abc import Callable, Iterator
from html import escape

import pytest
from django.test import Client

from core.breaker.machine import BreakerState
from core.breaker.registry import own_storage
from core.egress import AddressPolicy
from core.models import AuditEntry
from core.permissions import Role, system_principal
from ops.breakers.definition import parse_source
from ops.breakers.models import FleetBreaker
from ops.breakers.own_selectors import read_standing
from ops.breakers.own_services import HOLD_CHOICES
from ops.breakers.sampling import BreakerSampling
from ops.breakers.services import create_source
from ops.sampling.sampler import Sampler
from tests.breakers import OWN_OPEN, add_breakers
from tests.entities.catalogue import add_entity
from tests.fleet import HOSTILE, add_fleet
from tests.ops.breakers.pages import Program, actuator, run_program

HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}
OWN = f"/breakers/own/{OWN_OPEN}"
LOOPBACK = AddressPolicy(allow=(ipaddress.ip_network("127.0.0.0/8"),))

type ClientOf = Callable[[Role], Client]


@pytest.fixture
def breakers(db: None) -> None:
    own_storage()._client.flushdb()
    add_fleet()
    add_breakers()


@pytest.fixture
def program(transactional_db: None) -> Iterator[Program]:
    """A program whose actuator takes commands, looked at once."""
    with run_program(actuator(cards="CLOSED")) as running:
        add_entity("payments-api")
        document = {"name": "spring", "kind": "actuator", "url": running.url, "instance": "a", "control": True}
        create_source(
            principal=system_principal("tester"), entity_ref="payments-api", definition=parse_source(document)
        )
        sampler = Sampler(BreakerSampling(), LOOPBACK)
        sampler.run_due()
        sampler.close()
        yield running


def address(name: str) -> str:
    return f"/breakers/{FleetBreaker.objects.get(name=name).uid}"


def text(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


def test_a_viewer_sees_no_action_and_may_do_none(client_of: ClientOf, breakers: None) -> None:
    viewer = client_of(Role.VIEWER)
    for path in ("/breakers", address("card-gateway"), OWN):
        assert "hx-post" not in text(viewer, path)
    for verb in ("force-open", "close", "disable", "reset"):
        answer = viewer.post(f"{OWN}/{verb}", {"reason": "why", "for": "1 h"}, headers=HTMX)
        assert answer.status_code == 403
    assert not AuditEntry.objects.filter(target_type="breaker").exists()


@pytest.mark.parametrize(
    ("verb", "state", "said"),
    [
        ("force-open", BreakerState.FORCED_OPEN, f"Forced {OWN_OPEN} open for 4 h"),
        ("disable", BreakerState.DISABLED, f"Disabled {OWN_OPEN} for 4 h"),
        ("close", BreakerState.CLOSED, f"Closed {OWN_OPEN}"),
        ("reset", BreakerState.CLOSED, f"Reset {OWN_OPEN}"),
    ],
)
def test_an_operator_acts_on_our_own(
    client_of: ClientOf, breakers: None, verb: str, state: BreakerState, said: str
) -> None:
    operator = client_of(Role.OPERATOR)
    assert f"{OWN}/{verb}" in text(operator, OWN)
    answer = operator.post(f"{OWN}/{verb}", {"reason": f"{HOSTILE} is down", "for": "4 h"}, headers=HTMX)
    assert answer.status_code == 204
    assert json.loads(answer["HX-Trigger"])["acted"]["message"] == said
    standing = read_standing(OWN_OPEN)
    assert standing.state is state
    if verb in {"force-open", "disable"}:
        assert standing.until_ms - standing.at_ms == pytest.approx(HOLD_CHOICES["4 h"], abs=60_000)
        assert f"{OWN}/{verb}" not in text(operator, OWN)
    content = text(operator, OWN)
    assert "Who did what" in content
    assert escape(f"{HOSTILE} is down (operator)") in content
    assert HOSTILE not in content


@pytest.mark.parametrize("given", [{"for": "1 h"}, {"reason": " ", "for": "1 h"}, {"reason": "x", "for": "1 year"}])
def test_holding_one_takes_a_reason_and_a_time(client_of: ClientOf, breakers: None, given: dict[str, str]) -> None:
    answer = client_of(Role.OPERATOR).post(f"{OWN}/force-open", given, headers=HTMX)
    assert answer.status_code == 422
    assert read_standing(OWN_OPEN).state is not BreakerState.FORCED_OPEN


def test_an_operator_acts_on_a_breaker_of_the_fleet(client_of: ClientOf, program: Program) -> None:
    operator, page = client_of(Role.OPERATOR), address("cards")
    content = text(operator, page)
    assert [verb for verb in ("force-open", "close", "disable", "reset") if f"{page}/{verb}" in content] == [
        "force-open",
        "disable",
    ]
    answer = operator.post(f"{page}/force-open", {"reason": "gateway is down"}, headers=HTMX)
    assert (answer.status_code, program.posted[0][1]) == (204, {"updateState": "FORCE_OPEN"})
    assert json.loads(answer["HX-Trigger"])["acted"]["message"] == "Forced open on 1 instance"
    assert "gateway is down" in text(operator, page)
    assert "cards was forced open" in text(client_of(Role.VIEWER), "/entities/payments-api")


def test_an_order_to_the_fleet_takes_a_reason_and_the_permission(client_of: ClientOf, program: Program) -> None:
    page = address("cards")
    assert client_of(Role.OPERATOR).post(f"{page}/close", {"reason": " "}, headers=HTMX).status_code == 422
    assert client_of(Role.OPERATOR).post(f"{page}/reset", {"reason": "x"}, headers=HTMX).status_code == 409
    assert client_of(Role.VIEWER).post(f"{page}/close", {"reason": "x"}, headers=HTMX).status_code == 403
    assert "hx-post" not in text(client_of(Role.VIEWER), page)
    assert program.posted == []


def test_a_program_that_refuses_is_told(client_of: ClientOf, program: Program) -> None:
    program.post_status = 500
    answer = client_of(Role.OPERATOR).post(f"{address('cards')}/disable", {"reason": "x"}, headers=HTMX)
    assert answer.status_code == 503
    assert "answered 500" in answer.content.decode()

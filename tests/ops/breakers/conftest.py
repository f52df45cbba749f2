"""What the tests of breakers share: entities, and reports as programs send them."""

from collections.abc import Callable
from typing import Any

import pytest

from core.permissions import Principal, system_principal
from entities.models import Entity
from ops.breakers.models import FleetBreaker
from ops.breakers.reports import ReportOutcome
from ops.breakers.services import take_reports
from tests.entities.catalogue import add_entity

type Item = dict[str, Any]


@pytest.fixture
def staff() -> Principal:
    return system_principal("test")


@pytest.fixture
def entity(db: None) -> Entity:
    add_entity("payments-api")
    return Entity.objects.get(name="payments-api")


def item(state: str = "closed", **more: Any) -> Item:
    return {"entity": "payments-api", "breaker": "cards", "instance": "a", "state": state, **more}


@pytest.fixture
def report(entity: Entity, staff: Principal) -> Callable[..., ReportOutcome]:
    return lambda *items: take_reports(principal=staff, reports=items)


def the_breaker() -> FleetBreaker:
    return FleetBreaker.objects.select_related("entity").get()

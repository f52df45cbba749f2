"""Breakers of the fleet and of our own in every state, for tests of pages."""

import datetime as dt
from typing import Any

from core.breaker.registry import own_storage
from core.breaker.storage import Operation
from core.clock import now_ms
from core.permissions import system_principal
from entities.models import Entity
from ops.breakers.models import BreakerInstance, FleetBreaker
from ops.breakers.services import take_reports
from ops.probing.guarding import POLICY
from tests.fleet import HOSTILE

OWN_OPEN = "target:search.internal:443"
OWN_CLOSED = "target:10.0.4.12:5432"


def report(*items: dict[str, Any]) -> None:
    outcome = take_reports(principal=system_principal("tester"), reports=items)
    assert outcome.errors == ()


def item(breaker: str, instance: str, state: str, *, entity: str = "payments-api", **more: Any) -> dict[str, Any]:
    return {"entity": entity, "breaker": breaker, "instance": instance, "state": state, "ttl": "1h", **more}


def moment(seconds: float) -> str:
    return (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)).isoformat()


def add_breakers() -> None:
    """Of the entities of ``add_fleet``: one of each state, one with a hostile name, one gone silent; two of our own."""
    opened: dict[str, Any] = {
        "since": moment(-40),
        "next_half_open_at": moment(120),
        "failure_rate": 62.5,
        "buffered": 100,
    }
    fine: dict[str, Any] = {"failure_rate": 0.4, "buffered": 100, "slow_rate": 2, "calls": 120_000, "not_permitted": 0}
    report(
        item("card-gateway", "web-1", "open", message="52 of 100 calls failed", not_permitted=1_204, **opened),
        item("card-gateway", "web-2", "open", **opened),
        *(item("card-gateway", f"web-{number}", "closed", **fine) for number in (3, 4, 5)),
        item("fraud-score", "web-1", "half_open", failure_rate=12, buffered=10),
        item(HOSTILE, HOSTILE, "forced_open", message=HOSTILE),
        item("ledger", "web-1", "disabled"),
        item("mail", "web-1", "metrics_only", entity="mailer", **fine),
        *(item("index", f"node-{number:02}", "closed", entity="search", **fine) for number in range(20)),
        item("warehouse", "job-1", "closed", entity="reporting"),
    )
    gone = FleetBreaker.objects.filter(entity=Entity.objects.get(name="reporting"))
    BreakerInstance.objects.filter(breaker__in=gone).update(fresh_until_ms=now_ms() - 90_000)
    gone.update(fresh_until_ms=now_ms() - 90_000)
    add_own_open()
    own_storage().run([Operation(OWN_CLOSED, POLICY, "observe", calls="fssss")])


def add_own_open() -> None:
    own_storage().run([Operation(OWN_OPEN, POLICY, "observe", calls="f" * 24)])

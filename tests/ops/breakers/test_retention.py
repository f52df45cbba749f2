"""What is kept of breakers, and for how long."""

from collections.abc import Callable
from typing import Any

import pytest

from core.clock import now_ms
from core.permissions import Principal
from entities.models import Entity
from ops.breakers import services
from ops.breakers.definition import parse_source
from ops.breakers.models import BreakerInstance, BreakerSource, BreakerTransition, FleetBreaker
from ops.breakers.retention import SILENT_BREAKER_MS, SILENT_INSTANCE_MS, SILENT_REPORTED_MS, prune_breakers
from tests.ops.breakers.conftest import item


@pytest.mark.django_db
def test_what_is_silent_for_long_is_dropped(report: Callable[..., Any]) -> None:
    now = now_ms()
    report(item("open", ttl="10s"), item("closed", instance="b", ttl="2h"), item("open", breaker="old", ttl="10s"))
    later = now + SILENT_INSTANCE_MS + 60_000
    prune_breakers(now_ms=later)
    assert list(BreakerInstance.objects.order_by("id").values_list("breaker__name", "instance")) == [
        ("cards", "b"),
    ]  # fmt: skip
    assert FleetBreaker.objects.get().state == "closed"
    assert set(BreakerTransition.objects.values_list("breaker_id", flat=True)) == {FleetBreaker.objects.get().pk}


@pytest.mark.django_db
def test_what_a_source_told_of_is_kept_for_days_of_silence(
    report: Callable[..., Any], entity: Entity, staff: Principal
) -> None:
    definition = parse_source({"name": "fleet", "kind": "scrape", "url": "http://127.0.0.1:9102/metrics"})
    services.create_source(principal=staff, entity_ref=entity.name, definition=definition)
    now = now_ms()
    report(item("open", ttl="10s"))
    BreakerInstance.objects.update(source=BreakerSource.objects.get())
    prune_breakers(now_ms=now + SILENT_REPORTED_MS + 60_000)
    assert FleetBreaker.objects.exists()
    prune_breakers(now_ms=now + SILENT_BREAKER_MS + 60_000)
    assert not FleetBreaker.objects.exists()


@pytest.mark.django_db
def test_transitions_are_bounded_for_each_breaker(report: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.breakers.retention.TRANSITIONS_PER_BREAKER", 2)
    for state in ("open", "closed", "open", "closed"):
        report(item(state))
    prune_breakers(now_ms=now_ms())
    assert [row.after for row in BreakerTransition.objects.order_by("id")] == ["open", "closed"]

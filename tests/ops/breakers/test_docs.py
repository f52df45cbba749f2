"""What ``docs/breakers.md`` and ``docs/metrics.md`` say is so: their code runs, their tables are those of the code."""

import importlib.util
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.breaker.registry import FAMILIES
from core.permissions import system_principal
from core.tokens import create_token
from entities.models import Entity
from ops.breakers import exposition
from ops.breakers.definition import parse_source
from ops.breakers.models import FleetBreaker
from tests.ops.breakers.conftest import the_breaker

DOCS = Path(__file__).resolve().parents[3] / "docs"
TEXT = (DOCS / "breakers.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


CLIENT, LISTENER, USE = blocks("python")


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What the code of the page defines. Without pybreaker, the two classes that it uses of it stand in."""
    if importlib.util.find_spec("pybreaker") is None:
        stand_in = types.ModuleType("pybreaker")
        stand_in.CircuitBreakerListener = type("CircuitBreakerListener", (), {})  # type: ignore[attr-defined]
        stand_in.CircuitBreaker = _Breaker  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "pybreaker", stand_in)
    defined: dict[str, Any] = {"__name__": "documented"}
    exec(CLIENT, defined)
    exec(LISTENER, defined)
    return defined  # type: ignore[return-value]


class _Breaker:
    """As much of pybreaker's as a listener sees."""

    reset_timeout = 60
    fail_counter = 5

    def __init__(self, *, name: str, fail_max: int, listeners: list[Any]) -> None:
        self.name, self.fail_max, self.listeners = name, fail_max, listeners

    def open(self) -> None:
        self._tell("open")

    def half_open(self) -> None:
        self._tell("half-open")

    def _tell(self, state: str) -> None:
        for listener in self.listeners:
            listener.state_change(self, None, types.SimpleNamespace(name=state))


@pytest.mark.django_db(transaction=True)
def test_the_client_and_the_listener_report(
    names: dict[str, Any], entity: Entity, live_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = create_token(principal=system_principal("test"), name="shop", role="operator").secret
    reports = names["BreakerReports"](live_server.url, token, entity.name)
    monkeypatch.setattr(names["BreakerReports"], "start", lambda _self: None)  # what it would do by and by is done here
    code = USE.replace('BreakerReports("https://quarterdeck.example", token, "payments-api")', "given")
    assert code != USE
    exec(code, names | {"given": reports})
    cards = names["pybreaker"].CircuitBreaker(
        name="card-gateway", fail_max=5, listeners=[names["QuarterdeckListener"](reports)]
    )
    cards.open()
    assert reports.flush()
    breaker = the_breaker()
    assert (breaker.name, breaker.state, breaker.message) == ("card-gateway", "open", "after 5 failures")
    assert breaker.next_half_open_ms is not None
    cards.half_open()
    assert reports.flush()
    assert FleetBreaker.objects.get().state == "half_open"


@pytest.mark.django_db(transaction=True)
def test_what_the_client_cannot_send_waits(names: dict[str, Any], entity: Entity, live_server: Any) -> None:
    reports = names["BreakerReports"]("http://127.0.0.1:9", "qdt_none", entity.name)
    reports.tell("cards", "open")
    assert not reports.flush()
    assert len(reports._waiting) == 1


def test_the_sources_of_the_page_are_valid() -> None:
    found = [source for block in blocks("yaml") for source in _sources(yaml.safe_load(block))]
    assert [parse_source(source).name for source in found] == ["fleet", "spring", "envoy"]


def _sources(document: Any) -> list[dict[str, Any]]:
    sources: list[dict[str, Any]] = document["breakers"] if isinstance(document, dict) else document
    return sources


def test_the_metrics_are_documented_as_they_are() -> None:
    text = (DOCS / "metrics.md").read_text()
    for name, (kind, meaning) in exposition.FAMILIES.items():
        assert re.search(rf"\| `{name}\{{entity,breaker(,state)?\}}` \| {kind} \| {re.escape(meaning)} \|", text), name


def test_the_own_breakers_that_the_document_names_are_of_families_that_there_are() -> None:
    text = (DOCS / "own-breakers.md").read_text()
    families = set(re.findall(r'breaker_of\("(\w+):', text))

    assert families == set(FAMILIES.names())
    assert f"There is one: `{next(iter(families))}`." in text

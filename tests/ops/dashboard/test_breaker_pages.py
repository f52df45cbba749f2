"""Pages of breakers: what they show of the fleet's and of our own, and that hostile text stays text."""

from collections.abc import Callable
from html import escape

import pytest
from django.conf import settings
from django.test import Client

from core.breaker.registry import own_storage
from core.clock import now_ms
from core.permissions import Role, system_principal
from entities.models import Entity
from ops.breakers.models import BreakerSource, BreakerSourceState, FleetBreaker
from ops.dashboard.tiles import forget_tiles, read_tiles
from ops.errors.models import ErrorGroup
from tests.breakers import OWN_CLOSED, OWN_OPEN, add_breakers, item, report
from tests.entities.catalogue import add_entity
from tests.fleet import HOSTILE, add_fleet
from tests.services import free_port

HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}

type ClientOf = Callable[[Role], Client]


@pytest.fixture(autouse=True)
def _nothing_of_our_own(db: None) -> None:
    own_storage()._client.flushdb()


@pytest.fixture
def breakers(db: None) -> None:
    add_fleet()
    add_breakers()


def text(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


def address(name: str) -> str:
    return f"/breakers/{FleetBreaker.objects.get(name=name).uid}"


def order(content: str, *names: str) -> list[str]:
    return sorted(names, key=lambda name: content.index(f">{escape(name)}<"))


def test_the_list_has_those_in_trouble_first_and_our_own_below(client_of: ClientOf, breakers: None) -> None:
    content = text(client_of(Role.VIEWER), "/breakers")
    names = ("card-gateway", HOSTILE, "fraud-score", "warehouse", "ledger", "mail", "index", OWN_OPEN, OWN_CLOSED)
    assert order(content, *names) == list(names)
    assert "on 2 of 5 instances, half-open <time" in content
    assert 'aria-label="2 open, 3 closed"' in content
    assert '<td class="num">25 %</td>' in content
    assert "+8</span>" in content
    assert "24 of 24 calls failed" in content
    assert '2<span class="vh"> open</span>' in content


def test_the_tile_leads_to_those_in_trouble(client_of: ClientOf, breakers: None) -> None:
    forget_tiles()
    assert 'href="/breakers?kind=fleet&amp;state=troubled"' in text(client_of(Role.VIEWER), "/")
    assert "In trouble" in text(client_of(Role.VIEWER), "/breakers")
    FleetBreaker.objects.all().delete()
    forget_tiles()
    assert "state=troubled" not in text(client_of(Role.VIEWER), "/")


@pytest.mark.parametrize(("trouble", "status"), [("", "healthy"), ("new", "degraded")])
def test_new_errors_alone_do_not_colour_their_tile(db: None, trouble: str, status: str) -> None:
    add_entity("payments-api")
    entity, now = Entity.objects.get(), now_ms()
    ErrorGroup.objects.create(
        entity=entity,
        title="x",
        trouble=trouble,
        events=1,
        first_seen_ms=now,
        last_seen_ms=now,
        digest="f",
        digest_version=1,
        level="error",
    )
    forget_tiles()
    tiles = read_tiles(principal=system_principal("test"), stamp="")
    assert [tile.status for tile in tiles if tile.title == "Errors"] == [status]
    forget_tiles()


def test_nothing_that_a_program_said_reaches_the_page_as_html(client_of: ClientOf, breakers: None) -> None:
    client = client_of(Role.ADMIN)
    for path in ("/breakers", address(HOSTILE), "/entities/payments-api", f"/breakers?q={HOSTILE}"):
        content = text(client, path)
        assert HOSTILE not in content
        assert escape(HOSTILE) in content


@pytest.mark.parametrize(
    ("query", "shown", "hidden"),
    [
        ("state=open", ["card-gateway"], ["fraud-score", OWN_CLOSED, "index"]),
        ("state=metrics_only", ["mail"], ["card-gateway", OWN_OPEN]),
        ("state=troubled", ["card-gateway", "fraud-score", OWN_OPEN], ["index", "warehouse", OWN_CLOSED]),
        ("entity=search", ["index"], ["card-gateway", OWN_OPEN]),
        ("entity=nothing", [], ["card-gateway", OWN_OPEN]),
        ("kind=fleet", ["card-gateway"], [OWN_OPEN]),
        ("kind=ours", [OWN_OPEN, OWN_CLOSED], ["card-gateway"]),
        ("q=SEARCH", ["index", OWN_OPEN], ["card-gateway", OWN_CLOSED]),
        ("q=no-such", [], ["card-gateway", OWN_OPEN]),
        ("sort=wrong&cursor=wrong", ["card-gateway", OWN_OPEN], []),
    ],
)
def test_the_list_is_narrowed(
    client_of: ClientOf, breakers: None, query: str, shown: list[str], hidden: list[str]
) -> None:
    content = text(client_of(Role.VIEWER), f"/breakers?{query}")
    assert [name for name in shown if f"{name}</a>" not in content] == []
    assert [name for name in hidden if f"{name}</a>" in content] == []
    assert ("No breaker matches" in content) is not bool(shown)


def test_the_list_is_sorted_by_its_columns(client_of: ClientOf, breakers: None) -> None:
    client = client_of(Role.VIEWER)
    by_name = text(client, "/breakers?sort=name&kind=fleet")
    assert order(by_name, "index", "card-gateway", "mail") == ["card-gateway", "index", "mail"]
    by_failures = text(client, "/breakers?sort=failures&kind=fleet")
    assert order(by_failures, "fraud-score", "card-gateway", "mail") == ["card-gateway", "fraud-score", "mail"]


def test_a_long_list_has_pages(client_of: ClientOf) -> None:
    add_entity("payments-api")
    report(*(item(f"breaker-{number:02}", "a", "closed") for number in range(60)))
    first = client_of(Role.VIEWER).get("/breakers")
    assert len(first.context["breakers"]) == 50
    second = client_of(Role.VIEWER).get(first.context["list"].next_url)
    assert [row.name for row in second.context["breakers"]][-1] == "breaker-59"
    assert "First page" in second.content.decode()


def test_an_empty_list_says_how_to_fill_it(client_of: ClientOf) -> None:
    content = text(client_of(Role.VIEWER), "/breakers")
    assert "No breaker is known yet" in content
    assert "/api/v1/breakers/reports" in content
    assert "kind: scrape" in content


def test_a_lost_store_of_our_own_is_said(client_of: ClientOf, breakers: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
    content = text(client_of(Role.VIEWER), "/breakers")
    assert "card-gateway" in content
    assert "Their shared store does not answer" in content


def test_a_breaker_shows_its_instances_and_what_they_went_through(client_of: ClientOf, breakers: None) -> None:
    report(item("card-gateway", "web-1", "half_open"))
    content = text(client_of(Role.VIEWER), address("card-gateway"))
    assert "on 1 of 5 instances" in content
    assert "Calls are refused at once." in content
    for number in range(1, 6):
        assert f'<span class="clip" title="web-{number}">' in content
    assert content.index("Half-open</span>", content.index("transitions-title")) > 0
    assert '<td class="wide muted">open</td>' in content
    assert 'href="/entities/payments-api"' in content
    assert client_of(Role.VIEWER).get("/breakers/brk_nothing").status_code == 404


def test_transitions_have_pages(client_of: ClientOf, breakers: None) -> None:
    for number in range(30):
        report(item("fraud-score", "web-1", ("open", "closed")[number % 2]))
    client = client_of(Role.VIEWER)
    first = client.get(address("fraud-score"))
    assert len(first.context["transitions"]) == 25
    older = client.get(first.context["older_url"])
    assert len(older.context["transitions"]) == 6
    assert older.context["newest_url"] == address("fraud-score")


def test_a_poll_is_answered_with_the_new_state(client_of: ClientOf, breakers: None) -> None:
    client = client_of(Role.VIEWER)
    live = client.get(address("ledger")).context["live_url"]
    report(item("ledger", "web-1", "open"))
    answer = client.get(live, headers=HTMX)
    assert answer.status_code == 200
    assert "Open" in answer.content.decode()


def test_an_entity_shows_its_breakers_and_says_when_they_turned(client_of: ClientOf, breakers: None) -> None:
    client = client_of(Role.VIEWER)
    content = text(client, "/entities/payments-api")
    assert order(content, "card-gateway", "fraud-score", "ledger") == ["card-gateway", "fraud-score", "ledger"]
    assert "/breakers?entity=payments-api" in content
    assert "fraud-score turned half-open" in content
    assert "breakers-title" not in text(client, "/entities/bare")


def test_an_entity_says_which_source_cannot_be_read(client_of: ClientOf) -> None:
    entity = add_entity("shop")
    source = BreakerSource.objects.create(
        entity_id=entity.id, name="fleet", kind="scrape", config={"url": "http://h/metrics"}
    )
    BreakerSourceState.objects.create(
        source=source, interval_ms=30_000, timeout_ms=5_000, last_at_ms=now_ms(), failure="connection <refused>"
    )

    content = text(client_of(Role.VIEWER), "/entities/shop")

    assert "Source <strong>fleet</strong> cannot be read: connection &lt;refused&gt;" in content


def test_one_of_our_own_shows_why_it_turned(client_of: ClientOf, breakers: None) -> None:
    content = text(client_of(Role.VIEWER), f"/breakers/own/{OWN_OPEN}")
    assert '<td class="cell-reason clip" title="24 of 24 calls failed">' in content
    assert "Who did what" not in content
    assert "None among the latest" in text(client_of(Role.VIEWER), f"/breakers/own/{OWN_CLOSED}")


def test_one_of_our_own_that_nobody_knows_is_not_found(client_of: ClientOf) -> None:
    assert client_of(Role.VIEWER).get("/breakers/own/target:nobody:1").status_code == 404

"""Team, environment and label narrow every list alike, and tiles and chips count what the lists then show."""

import re
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client

from core.breaker.registry import own_storage
from core.clock import now_ms
from core.permissions import Role, system_principal
from entities.filters import EVERY_ENTITY, EntityFilter
from entities.models import Entity, Team
from entities.services import update_entity
from ops.breakers.exposition import forget_rendered as forget_breaker_series
from ops.breakers.exposition import render_breaker_series
from ops.dashboard.changes import list_changes
from ops.dashboard.frame import read_frame
from ops.dashboard.tiles import Tile, forget_tiles, read_tiles
from ops.errors.exposition import forget_rendered as forget_error_series
from ops.errors.exposition import render_error_series
from ops.errors.models import ErrorCount, ErrorGroup, ErrorTotal
from ops.signals.domain import Status
from tests.breakers import OWN_OPEN, add_own_open, item, report
from tests.entities.catalogue import TESTER, add_entity
from tests.fleet import add_check, add_queue

pytestmark = pytest.mark.django_db

LISTS = ("checks", "queues", "breakers", "errors")
FILTERS = ("team=shop", "environment=staging", "label=region:eu")

type ClientOf = Callable[[Role], Client]


@pytest.fixture(autouse=True)
def _nothing_of_our_own(db: None) -> None:
    own_storage()._client.flushdb()


@pytest.fixture
def two_teams(db: None) -> None:
    """Of each of two entities that differ in every filter: a check, a queue, a breaker and an error, all in trouble."""
    add_entity("web", team="shop", environment="staging", labels={"region": "eu"})
    add_entity("pay", team="bank", environment="live", labels={"region": "us"})
    for name in ("web", "pay"):
        add_check(name, f"{name}-check", Status.UNHEALTHY, message="refused")
        add_queue(name, f"{name}-queue", Status.UNHEALTHY, message="212 waiting, limit 100")
        report(item(f"{name}-breaker", "a", "open", entity=name))
        add_error(name)


def add_error(entity: str, **fields: Any) -> ErrorGroup:
    now = now_ms()
    told: dict[str, Any] = {"trouble": "new", "level": "error", "digest": "f", **fields}
    group = ErrorGroup.objects.create(
        entity=Entity.objects.get(name=entity), title=f"{entity}-error", events=7, first_seen_ms=now, last_seen_ms=now,
        digest_version=1, **told,
    )  # fmt: skip
    ErrorCount.objects.create(group_id=group.pk, hour_ms=now - now % 3_600_000, events=7)
    ErrorTotal.objects.create(entity=group.entity, events=7)
    return group


def deactivate(name: str) -> None:
    update_entity(principal=TESTER, ref=name, changes={"lifecycle": "inactive"})
    forget_tiles()
    forget_breaker_series()
    forget_error_series()


def shown(content: str, kind: str) -> list[str]:
    """Whose rows of that kind are in the table."""
    body = content[content.index("<table") :] if "<table" in content else ""
    return [name for name in ("pay", "web") if f"{name}-{kind}" in body]


def text(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


def chip(content: str, word: str) -> int:
    found = re.search(rf'id="chip-{word}".*?<span class="muted">([0-9,]+)</span>', content, re.DOTALL)
    return int(found[1]) if found else 0


def tiles(query: str = "") -> dict[str, Tile]:
    forget_tiles()
    return {tile.title: tile for tile in read_tiles(principal=TESTER, stamp="", query=QueryDict(query))}


def names(items: Iterable[dict[str, Any]]) -> set[str]:
    return {found["entity"] for found in items}


@pytest.mark.parametrize("query", FILTERS)
@pytest.mark.parametrize("section", LISTS)
def test_every_list_follows_every_filter(client_of: ClientOf, two_teams: None, section: str, query: str) -> None:
    client = client_of(Role.VIEWER)
    kind = section.removesuffix("s")

    assert shown(text(client, f"/{section}"), kind) == ["pay", "web"]
    content = text(client, f"/{section}?{query}")
    assert shown(content, kind) == ["web"]
    assert chip(content, "all") == 1
    name, value = query.split("=")
    assert f'<option value="{value}" selected>' in content, name
    assert f"/queues?{name}={value.replace(':', '%3A')}" in content


@pytest.mark.parametrize("query", FILTERS)
@pytest.mark.parametrize("section", LISTS)
def test_every_list_of_the_api_takes_every_filter(
    client_of: ClientOf, two_teams: None, section: str, query: str
) -> None:
    client = client_of(Role.VIEWER)

    assert names(client.get(f"/api/v1/{section}").json()["items"]) == {"web", "pay"}
    assert names(client.get(f"/api/v1/{section}?{query}").json()["items"]) == {"web"}
    assert client.get(f"/api/v1/{section}?label=region:eu&label=zone:a").json()["items"] == []
    assert client.get(f"/api/v1/{section}?label=region").status_code == 422


@pytest.mark.parametrize("section", ["entities", *LISTS])
@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("label=region", "“region” is no label. It is a key and its value, as key:value."),
        ("label=region:eu&label=tier:gold", "There is more than one label. A page is narrowed by one."),
        ("team=payments&team=search", "There is more than one team. A page is narrowed by one."),
        ("team=%00", "The team holds a NUL character"),
        ("{word}=bogus", "“bogus” is no {word}. It is one of "),
    ],
)
def test_a_filter_that_is_not_understood_leaves_nothing_and_can_be_left_out(
    client_of: ClientOf, two_teams: None, section: str, query: str, said: str
) -> None:
    add_own_open()
    word = "state" if section in {"breakers", "errors"} else "status"
    content = " ".join(text(client_of(Role.VIEWER), f"/{section}?environment=live&{query.format(word=word)}").split())

    assert "<tbody" not in content
    assert chip(content, "all") == 0
    assert said.format(word=word) in content
    assert f'href="/{section}?environment=live">Leave it out</a>' in content
    assert '<option value="live" selected>' in content


def test_an_overview_whose_filter_is_not_understood_tells_of_nobody(client_of: ClientOf, two_teams: None) -> None:
    content = " ".join(text(client_of(Role.VIEWER), "/?label=zzz").split())

    assert "In a filter that is not understood" in content
    assert "“zzz” is no label." in content
    assert "/entities/web" not in content
    assert "/entities/web" not in text(client_of(Role.VIEWER), "/wall?label=zzz")
    assert "“bogus” is no status." in text(client_of(Role.VIEWER), "/?status=bogus")


def test_a_kind_of_breakers_that_is_none_leaves_nothing(client_of: ClientOf, two_teams: None) -> None:
    assert "“bogus” is no kind. It is one of fleet, ours." in text(client_of(Role.VIEWER), "/breakers?kind=bogus")


def test_our_own_breakers_belong_to_no_team(client_of: ClientOf, two_teams: None) -> None:
    add_own_open()
    assert OWN_OPEN in text(client_of(Role.VIEWER), "/breakers")
    assert OWN_OPEN not in text(client_of(Role.VIEWER), "/breakers?team=shop")


@pytest.mark.parametrize("query", ["", *FILTERS])
def test_the_tiles_say_what_the_lists_show_that_they_lead_to(client_of: ClientOf, two_teams: None, query: str) -> None:
    add_check("web", "fine", Status.HEALTHY)
    client, found = client_of(Role.VIEWER), tiles(query)
    count = 1 if query else 2

    assert found["Checks"].figure == f"1 of {count + 1} healthy"
    assert chip(text(client, found["Checks"].url), "unhealthy") == count
    assert found["Queues"].note == f"{count} unhealthy"
    assert chip(text(client, found["Queues"].url), "unhealthy") == count
    assert found["Breakers"].figure == f"{count} open"
    assert chip(text(client, found["Breakers"].url), "troubled") == count
    assert found["Errors"].figure == f"{7 * count} in the last hour"
    assert found["Errors"].note == f"{count} open, {count} new today"
    assert chip(text(client, found["Errors"].url), "open") == count


@pytest.mark.parametrize("section", ["entities", *LISTS])
@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("q=zzz", "Nothing has “zzz” in its name"),
        ("team=none&q=zzz", "Nothing that passes the chosen filters has “zzz” in its name"),
        ("team=none", "Nothing passes all of the chosen filters."),
    ],
)
def test_a_list_without_a_match_says_what_it_looked_for(
    client_of: ClientOf, two_teams: None, section: str, query: str, said: str
) -> None:
    content = " ".join(text(client_of(Role.VIEWER), f"/{section}?{query}").split())
    assert said in content
    assert 'class="button" href="/' in content


def test_the_recent_changes_follow_the_filters(two_teams: None) -> None:
    def told(owner: EntityFilter) -> set[str]:
        return {change.entity_name for change in list_changes(owner=owner)}

    assert told(EVERY_ENTITY) == {"pay", "web"}
    assert told(EntityFilter(team="shop", labels={"region": "eu"})) == {"web"}


def test_the_tile_of_breakers_leaves_ours_out_as_its_list_does(client_of: ClientOf, two_teams: None) -> None:
    add_own_open()
    found = tiles()["Breakers"]
    assert found.figure == "2 open"
    assert chip(text(client_of(Role.VIEWER), found.url), "troubled") == 2


def test_a_group_has_a_team_and_environments_of_its_own(client_of: ClientOf, two_teams: None) -> None:
    ErrorGroup.objects.filter(title="pay-error").update(team=Team.objects.get(name="shop"), environments=["somewhere"])
    client = client_of(Role.VIEWER)
    assert shown(text(client, "/errors?team=shop"), "error") == ["pay", "web"]
    assert shown(text(client, "/errors?team=bank"), "error") == []
    assert shown(text(client, "/errors?environment=live"), "error") == []


def test_an_inactive_entity_makes_no_noise(client_of: ClientOf, two_teams: None) -> None:
    deactivate("pay")
    report(item("pay-breaker", "a", "half_open", entity="pay"))
    client, found, frame = client_of(Role.VIEWER), tiles(), read_frame()

    assert (found["Checks"].note, found["Queues"].note) == ("1 unhealthy", "1 unhealthy")
    assert (found["Breakers"].figure, found["Breakers"].note) == ("1 open", "1 opening in 24\u00a0h")
    assert (found["Errors"].figure, found["Errors"].note) == ("7 in the last hour", "1 open, 1 new today")
    assert (frame.checks_in_trouble, frame.queues_in_trouble) == (1, 1)
    assert (frame.open_breakers, frame.errors_in_trouble) == (1, 1)
    for section in ("breakers", "errors"):
        content = text(client, f"/{section}")
        assert (shown(content, section.removesuffix("s")), chip(content, "all")) == (["web"], 1)
        assert names(client.get(f"/api/v1/{section}").json()["items"]) == {"web"}
    assert chip(text(client, "/checks"), "paused") == chip(text(client, "/queues"), "paused") == 1
    assert 'entity="pay"' not in (render_breaker_series() + render_error_series()).decode()
    assert [change.what for change in list_changes() if change.entity_name == "pay" and "turned" in change.what] == []


def test_the_rows_of_an_inactive_entity_can_be_reached(client_of: ClientOf, two_teams: None) -> None:
    deactivate("pay")
    client = client_of(Role.VIEWER)
    for section in LISTS:
        kind = section.removesuffix("s")
        assert shown(text(client, f"/{section}?entity=pay"), kind) == (
            ["pay"] if section != "checks" else ["pay", "web"]
        )
        assert names(client.get(f"/api/v1/{section}?entity=pay").json()["items"]) == {"pay"}
    assert "pay-breaker" in text(client, "/entities/pay")
    assert "pay-error" in text(client, "/entities/pay")

    update_entity(principal=system_principal("test"), ref="pay", changes={"lifecycle": "active"})
    assert shown(text(client, "/errors"), "error") == ["pay", "web"]

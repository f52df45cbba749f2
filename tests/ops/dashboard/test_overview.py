"""The overview: the verdict, problems with their causes, and the list below."""

import re
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from core.permissions import Role
from entities.models import Entity
from ops.dashboard.entity_listing import MAX_CELLS, PAGE_SIZE
from ops.dashboard.problems import SHOWN_PROBLEMS
from ops.dashboard.tiles import forget_tiles
from ops.signals.domain import Status
from tests.fleet import HOSTILE, REFUSED, add_check, add_fleet, show_signs_of_life


@pytest.fixture
def client(client_of: Callable[[Role], Client]) -> Client:
    add_fleet()
    return client_of(Role.OPERATOR)


def names(client: Client, path: str) -> list[str]:
    return [row.name for row in client.get(path).context["listing"].rows]


def test_the_verdict_counts_every_status_once(client: Client) -> None:
    frame = client.get("/").context["frame"]

    assert frame.headline == "1 unhealthy"
    assert frame.verdict == "unhealthy"
    assert [(part.word, part.count) for part in frame.parts] == [
        ("unhealthy", 1),
        ("degraded", 1),
        ("impacted", 1),
        ("unknown", 2),
        ("healthy", 1),
    ]


def test_a_cause_carries_what_it_impacts_and_that_is_not_listed_again(client: Client) -> None:
    problems = client.get("/").context["problems"]

    assert [(problem.name, problem.impacts) for problem in problems] == [
        ("payments-db", ("payments-api",)),
        ("search", ()),
        ("backup", ()),
    ]
    assert problems[0].reasons[0].message == REFUSED


def test_a_cause_comes_before_what_fails_with_it_even_if_that_is_more_important(client: Client) -> None:
    Entity.objects.filter(name="payments-db").update(tier=4)
    add_check("payments-api", "ping", Status.UNHEALTHY, message="refused")

    page = client.get("/")

    assert [(item.name, item.caused_by, item.impacts) for item in page.context["problems"]][:2] == [
        ("payments-db", (), ()),
        ("payments-api", ("payments-db",), ()),
    ]
    assert 'needs <a href="/entities/payments-db">' in page.content.decode()


def test_hostile_text_is_escaped(client: Client) -> None:
    for path in ("/", "/entities/payments-db", "/entities/search", "/checks"):
        content = client.get(path).content.decode()
        assert HOSTILE not in content
    assert "&lt;img src=x" in client.get("/entities/payments-db").content.decode()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("team=payments", {"payments-db", "payments-api"}),
        ("environment=staging", {"search"}),
        ("kind=job", {"backup"}),
        ("label=region:eu", {"payments-db"}),
        ("status=impacted", {"payments-api"}),
        ("q=MAIL", {"mailer"}),
        ("team=payments&status=unhealthy", {"payments-db"}),
        ("team=nobody", set()),
        ("status=nonsense", set()),
        ("q=%00", set()),
    ],
)
def test_filters_come_from_the_address(client: Client, query: str, expected: set[str]) -> None:
    assert set(names(client, f"/?{query}")) == expected
    assert set(names(client, f"/entities?{query}")) == expected


@pytest.mark.parametrize(
    ("sort", "first"),
    [
        ("status", "payments-db"),
        ("-status", "mailer"),
        ("name", "backup"),
        ("-name", "search"),
        ("bogus", "payments-db"),
    ],
)
def test_the_server_sorts(client: Client, sort: str, first: str) -> None:
    assert names(client, f"/entities?sort={sort}")[0] == first


def test_a_long_list_comes_in_pages(client: Client) -> None:
    Entity.objects.bulk_create(Entity(uid=f"ent_{n}", name=f"host-{n:03}", kind="host") for n in range(PAGE_SIZE))

    first = client.get("/entities?sort=name").context["listing"]
    second = client.get(first.next_url).context["listing"]

    assert (first.first, first.last, first.total) == (1, PAGE_SIZE, PAGE_SIZE + 7)
    assert len(second.rows) == 7
    assert second.next_url == ""


def test_problems_after_the_first_are_folded_and_what_is_not_listed_is_counted(client: Client) -> None:
    for number in range(SHOWN_PROBLEMS):
        Entity.objects.create(uid=f"ent_{number}", name=f"job-{number:02}", kind="job")
        add_check(f"job-{number:02}", "http", Status.UNHEALTHY, message="refused")

    response = client.get("/")
    content = " ".join(response.content.decode().split())

    assert (len(response.context["problems"]), len(response.context["folded_problems"])) == (10, SHOWN_PROBLEMS - 10)
    assert "<summary>43 more problems</summary>" in content
    assert "3 more, none worse than those above" in content
    assert client.get("/wall").context["wall"].more_problems == SHOWN_PROBLEMS + 3 - 29


def test_the_matrix_says_of_each_team_how_many_have_no_cell(client: Client) -> None:
    Entity.objects.bulk_create(Entity(uid=f"ent_{n}", name=f"host-{n:04}", kind="host") for n in range(MAX_CELLS + 193))

    for path in ("/", "/entities"):
        response = client.get(f"{path}?view=matrix")
        groups = {group.title: group for group in response.context["listing"].groups}
        content = response.content.decode()

        assert content.count('class="cell"') == MAX_CELLS
        assert (groups["payments"].count, groups["payments"].left_out) == (2, 0)
        assert sum(group.left_out for group in groups.values()) == response.context["listing"].left_out == 200
        assert f"+{groups['No team'].left_out}<span" in content
        assert ">1,200</span>" in content  # counts are written with separators


def test_an_empty_catalogue_invites_to_add_the_first_service(client_of: Callable[[Role], Client]) -> None:
    show_signs_of_life()

    assert "Add your first service" in client_of(Role.EDITOR).get("/").content.decode()
    assert "/new/entity" not in client_of(Role.VIEWER).get("/").content.decode()


def test_a_platform_that_never_ran_says_so(client_of: Callable[[Role], Client]) -> None:
    content = client_of(Role.VIEWER).get("/").content.decode()

    assert "the scheduler and the worker never started" in content


def test_a_part_of_the_fleet_has_a_verdict_of_its_own_beside_that_of_the_whole(client: Client) -> None:
    response = client.get("/?team=payments")
    content = response.content.decode()

    assert dict(response.context["tally"].counts) == {"unhealthy": 1, "impacted": 1}
    assert [problem.name for problem in response.context["problems"]] == ["payments-db"]
    assert "In team payments" in content
    assert 'href="/">Whole fleet</a>' in content
    assert dict(response.context["frame"].counts) == dict(client.get("/").context["frame"].counts)
    assert "<title>1 unhealthy" in content


@pytest.mark.parametrize("query", ["team=payments&environment=&label=region", "label=region:eu", "environment=staging"])
def test_banner_problems_and_list_are_of_the_same_entities(client: Client, query: str) -> None:
    context = client.get(f"/?{query}").context

    assert context["tally"].total == context["listing"].total == context["filters"].total
    assert {problem.name for problem in context["problems"]} <= set(names(client, f"/?{query}"))


def test_a_part_that_is_well_does_not_look_like_a_fleet_that_is_well(client: Client) -> None:
    Entity.objects.filter(name="mailer").update(environment="edge")
    content = client.get("/?environment=edge&view=matrix").content.decode()

    assert "All 1 healthy" in content
    assert "In environment edge" in content
    assert re.search(r'href="/\?view=matrix">Whole fleet</a>.*?1 unhealthy', content, re.DOTALL)
    assert "Last proven" not in content  # what was proven last may be of another part


def test_a_cause_from_outside_the_part_stands_among_its_problems(client: Client) -> None:
    Entity.objects.filter(name="payments-api").update(environment="edge")

    context = client.get("/?environment=edge").context

    assert dict(context["tally"].counts) == {"impacted": 1}
    assert [problem.name for problem in context["problems"]] == ["payments-db"]
    assert context["changes"] == []  # what changed is of the part alone


def test_a_part_that_has_no_entity_says_so(client: Client) -> None:
    content = client.get("/?team=nobody").content.decode()

    assert "No entity</span>" in content
    assert "In team nobody" in content


def test_to_narrow_the_page_asks_the_database_no_more(client: Client) -> None:
    def queries(path: str) -> int:
        forget_tiles()
        with CaptureQueriesContext(connection) as asked:
            client.get(path)
        return len(asked)

    client.get("/")

    assert queries("/?team=payments&label=region:eu") <= queries("/")

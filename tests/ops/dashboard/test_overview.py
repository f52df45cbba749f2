"""The overview: the verdict, problems with their causes, and the list below."""

from collections.abc import Callable

import pytest
from django.test import Client

from core.permissions import Role
from entities.models import Entity
from ops.dashboard.entity_listing import PAGE_SIZE
from tests.fleet import HOSTILE, REFUSED, add_fleet, show_signs_of_life


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
        ("status=nonsense", {"payments-db", "payments-api", "search", "mailer", "backup", "reporting", "bare"}),
        ("q=%00", {"payments-db", "payments-api", "search", "mailer", "backup", "reporting", "bare"}),
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


def test_an_empty_catalogue_invites_to_add_the_first_service(client_of: Callable[[Role], Client]) -> None:
    show_signs_of_life()

    assert "Add your first service" in client_of(Role.EDITOR).get("/").content.decode()
    assert "/new/entity" not in client_of(Role.VIEWER).get("/").content.decode()


def test_a_platform_that_never_ran_says_so(client_of: Callable[[Role], Client]) -> None:
    content = client_of(Role.VIEWER).get("/").content.decode()

    assert "the scheduler and the worker never started" in content

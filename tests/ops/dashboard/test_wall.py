"""The wallboard: what it shows, narrowed by the address, and how much of it."""

from collections.abc import Callable

import pytest
from django.test import Client

from core.models import Pulse
from core.permissions import Role
from entities.models import Entity
from ops.dashboard.wall import Cell, Wall
from ops.signals.domain import Status
from tests.fleet import add_check, add_fleet

HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def client(client_of: Callable[[Role], Client]) -> Client:
    add_fleet()
    return client_of(Role.VIEWER)


def wall_of(client: Client, query: str = "") -> Wall:
    shown = client.get(f"/wall?{query}").context["wall"]
    assert isinstance(shown, Wall)
    return shown


def add_failing(count: int) -> None:
    for number in range(count):
        Entity.objects.create(uid=f"ent_{number}", name=f"job-{number:02}", kind="job")
        add_check(f"job-{number:02}", "http", Status.UNHEALTHY, message="connection refused")


def test_problems_come_first_and_the_rest_is_a_matrix(client: Client) -> None:
    wall = wall_of(client)

    assert [problem.name for problem in wall.problems] == ["payments-db", "search", "backup"]
    assert wall.problems[0].impacts == ("payments-api",)
    assert wall.cells[0] == Cell("payments-api", "impacted")
    assert {cell.name for cell in wall.cells} == {"payments-api", "bare", "mailer", "reporting"}


def test_the_address_narrows_it_and_a_cause_from_outside_stays(client: Client) -> None:
    Entity.objects.filter(name="payments-api").update(environment="edge")

    assert [problem.name for problem in wall_of(client, "team=search").problems] == ["search"]
    edge = wall_of(client, "environment=edge")
    assert dict(edge.frame.counts) == {"impacted": 1}
    assert [problem.name for problem in edge.problems] == ["payments-db"]
    assert edge.scope == "environment edge"


@pytest.mark.parametrize(
    ("failing", "density", "shown", "more"),
    [(0, "few", 3, 0), (2, "several", 5, 0), (7, "some", 10, 0), (27, "many", 30, 0), (29, "many", 29, 3)],
)
def test_the_layout_follows_the_number_of_problems(
    client: Client, failing: int, density: str, shown: int, more: int
) -> None:
    add_failing(failing)

    wall = wall_of(client)

    assert (wall.density, len(wall.problems), wall.more_problems) == (density, shown, more)


@pytest.mark.parametrize(("failing", "others", "size"), [(0, 4, "named"), (5, 16, "named"), (5, 300, "glyphs")])
def test_the_other_entities_are_named_while_there_is_room(client: Client, failing: int, others: int, size: str) -> None:
    add_failing(failing)
    Entity.objects.bulk_create(Entity(uid=f"ent_h{n}", name=f"host-{n:04}", kind="host") for n in range(others))

    wall = wall_of(client)

    assert (wall.cell_size, wall.more_cells) == (size, 0)


def test_a_poll_answers_with_the_wall_alone(client: Client) -> None:
    fragment = client.get("/wall", headers=HTMX).content

    assert fragment.lstrip().startswith(b'<div class="wall"')
    assert b'id="rail"' not in fragment
    assert client.get(client.get("/wall").context["live_url"], headers=HTMX).status_code == 204


def test_a_blind_platform_is_said_loudly(client: Client) -> None:
    Pulse.objects.filter(role="worker").delete()

    assert "We are blind" in client.get("/wall").content.decode()


def test_it_takes_the_permission_of_other_pages() -> None:
    assert Client().get("/wall")["Location"].startswith("/login")

"""What holds for every page: axe finds nothing, the console stays silent, nothing scrolls sideways, little is sent."""

import pytest
from playwright.sync_api import expect

from core.permissions import Role
from ops.breakers.models import FleetBreaker
from ops.health.models import Check
from ops.queues.models import Queue
from ops.signals.domain import Status
from tests.breakers import OWN_OPEN, add_breakers
from tests.browser import SignIn, Visitor
from tests.entities.catalogue import add_entity
from tests.fleet import add_check, add_fleet, add_queues

MOST_BYTES = 200_000
PHONE = 390
LOOKS = pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", PHONE)])

PAGES = {
    "overview": "/",
    "overview, filtered": "/?status=unhealthy&team=payments",
    "overview, nothing matches": "/?q=nothing-is-called-so",
    "overview, matrix": "/?view=matrix&team=payments",
    "entities": "/entities",
    "matrix": "/entities?view=matrix",
    "entity": "/entities/payments-db",
    "entity, impacted": "/entities/payments-api",
    "entity without a check": "/entities/bare",
    "new entity": "/new/entity",
    "edit entity": "/entities/payments-db/edit",
    "delete entity": "/entities/bare/delete",
    "delete entity, refused": "/entities/payments-db/delete",
    "checks": "/checks",
    "check": "/checks/{check}",
    "check, other range": "/checks/{check}?range=7d",
    "wall": "/wall",
    "wall, narrowed": "/wall?team=payments",
    "new check": "/new/check?entity=payments-db",
    "new check of http": "/new/check?entity=payments-db&kind=http",
    "new heartbeat": "/new/check?entity=payments-db&kind=heartbeat",
    "edit check": "/checks/{check}/edit",
    "delete check": "/checks/{check}/delete",
    "breakers": "/breakers",
    "breakers, filtered": "/breakers?state=open&kind=fleet",
    "breakers, nothing matches": "/breakers?q=nothing-is-called-so",
    "breaker": "/breakers/{breaker}",
    "delete breaker": "/breakers/{breaker}/delete",
    "breakers of a team": "/breakers?team=payments&label=region:eu",
    "breaker of our own": f"/breakers/own/{OWN_OPEN}",
    "new source of breakers": "/new/breaker-source?entity=payments-db",
    "new source of breakers on a metrics page": "/new/breaker-source?entity=payments-db&kind=scrape",
    "queues": "/queues",
    "queues, nothing matches": "/queues?q=nothing-is-called-so",
    "queue": "/queues/{queue}",
    "queue of Celery": "/queues/{celery}",
    "new queue": "/new/queue?entity=payments-db",
    "new queue on redis": "/new/queue?entity=payments-db&kind=redis",
    "edit queue": "/queues/{queue}/edit",
    "delete queue": "/queues/{queue}/delete",
    "search": "/search",
    "own password": "/account/password",
    "search, found": "/search?q=payments",
    "search, nothing found": "/search?q=nothing-is-called-so",
    "queue that cannot be read": "/queues/{unread}",
}


def address(name: str) -> str:
    return PAGES[name].format(
        check=Check.objects.filter(entity__name="search").values_list("uid", flat=True).first(),
        queue=Queue.objects.values_list("uid", flat=True).get(name="emails"),
        breaker=FleetBreaker.objects.values_list("uid", flat=True).get(name="card-gateway"),
        celery=Queue.objects.values_list("uid", flat=True).get(name="invoices"),
        unread=Queue.objects.values_list("uid", flat=True).get(name="index"),
    )


def inspect(visitor: Visitor, path: str) -> None:
    """axe looks at the width that the visitor has; that nothing scrolls sideways is seen on a phone."""
    width = (visitor.page.viewport_size or {"width": 0})["width"]
    visitor.open(path)
    assert visitor.accessibility_violations() == []
    visitor.page.set_viewport_size({"width": PHONE, "height": 844})
    assert visitor.scroll_width() <= PHONE, f"{path} scrolls sideways"
    visitor.page.set_viewport_size({"width": width, "height": 844})
    assert visitor.complaints == []


@LOOKS
def test_every_page_is_accessible_silent_and_fits_a_phone(theme: str, width: int, sign_in: SignIn) -> None:
    add_fleet()
    add_queues()
    add_breakers()
    visitor = sign_in(Role.ADMIN, theme=theme, width=width)

    for name in PAGES:
        inspect(visitor, address(name))


@LOOKS
def test_pages_of_an_empty_catalogue_are_accessible(theme: str, width: int, sign_in: SignIn) -> None:
    visitor = sign_in(Role.EDITOR, theme=theme, width=width)

    for path in ("/", "/entities", "/checks", "/queues", "/breakers", "/wall"):
        inspect(visitor, path)


@LOOKS
def test_sign_in_and_problem_pages_are_accessible(theme: str, width: int, sign_in: SignIn) -> None:
    stranger = sign_in(None, theme=theme, width=width)
    inspect(stranger, "/login")
    stranger.page.get_by_role("button", name="Sign in").click()
    assert stranger.accessibility_violations() == []

    viewer = sign_in(Role.VIEWER, theme=theme, width=width)
    for path, title in (("/entities/nothing", "Not found"), ("/new/entity", "Not permitted")):
        page = viewer.open(path)
        assert page.get_by_role("heading", name=title).is_visible()
        assert viewer.accessibility_violations() == []


@pytest.mark.parametrize("path", ["/", "/?view=matrix", "/entities", "/entities/{name}", "/checks", "/checks/{check}"])
def test_the_longest_names_and_texts_fit_a_phone(path: str, sign_in: SignIn) -> None:
    name, check = "e" * 63, "c" * 63
    add_fleet()
    labels = {f"app.kubernetes.io/part-{number:02}": "x" * 63 for number in range(32)}
    add_entity(name, labels=labels, title="T" * 100, team="t" * 63)
    add_check(name, "http", Status.HEALTHY)
    made = add_check(name, check, Status.UNHEALTHY, message="m" * 200)
    visitor = sign_in(Role.EDITOR, width=PHONE)

    visitor.open(path.format(name=name, check=made.uid))

    assert visitor.scroll_width() <= PHONE


def test_a_check_keeps_its_name_beside_a_long_one_of_its_entity(sign_in: SignIn) -> None:
    name = "e" * 63
    add_fleet()
    add_entity(name)
    add_check(name, "http", Status.UNHEALTHY)
    page = sign_in(Role.VIEWER, width=PHONE).open("/checks?q=eeee")

    own = page.locator(".cell-pair span").last
    expect(own).to_have_text("http")
    assert own.evaluate("(it) => it.getBoundingClientRect().right <= it.closest('th').getBoundingClientRect().right")
    assert own.evaluate("(it) => it.scrollWidth <= it.clientWidth")


def test_a_filter_keeps_the_matrix(sign_in: SignIn) -> None:
    add_fleet()
    page = sign_in(Role.VIEWER).open("/?view=matrix")
    page.locator("#filter-team").select_option("payments")

    expect(page.locator(".cell")).to_have_count(2)
    expect(page.get_by_role("link", name="Matrix")).to_have_attribute("aria-current", "true")
    page.get_by_role("link", name="Table").click()
    expect(page.locator("tbody tr")).to_have_count(2)


def test_a_page_is_light(sign_in: SignIn) -> None:
    add_fleet()
    add_queues()
    add_breakers()
    visitor = sign_in(Role.ADMIN)

    for path in ("/", "/entities", "/entities/payments-db", "/checks", "/breakers"):
        visitor.open(path)
        assert 0 < visitor.weight < MOST_BYTES

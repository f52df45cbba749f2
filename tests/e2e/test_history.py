"""Days, charts and the wallboard in a browser: told by keyboard, drawn under the strict policy, never scrolling."""

import re

import pytest
from playwright.sync_api import Page, expect

from core.clock import now_ms
from core.permissions import Role
from entities.models import Entity
from ops.health.models import Check, CheckResult, CheckState
from ops.signals.domain import Status
from tests.browser import SignIn, Visitor
from tests.fleet import add_check, add_fleet

CHART = "static/vendor/uplot"
MOST_BYTES = 200_000


def check_address(entity: str) -> str:
    return f"/checks/{Check.objects.get(entity__name=entity).uid}"


def drawn_pixels(page: Page) -> int:
    """How many pixels of the chart's canvas are not empty."""
    return int(
        page.evaluate(
            "(() => { const c = document.querySelector('.chart canvas');"
            "const { data } = c.getContext('2d').getImageData(0, 0, c.width, c.height);"
            "return data.filter((value, at) => at % 4 === 3 && value).length })()"
        )
    )


@pytest.mark.parametrize("address", ["/entities/search", "check"])
def test_the_latency_chart_is_drawn_and_nothing_complains(address: str, sign_in: SignIn) -> None:
    add_fleet()
    visitor = sign_in(Role.VIEWER)
    page = visitor.open(check_address("search") if address == "check" else address)

    expect(page.locator(".chart canvas")).to_be_visible()
    expect(page.locator("[data-part=summary]")).to_contain_text("limit 500 ms")
    assert drawn_pixels(page) > 1_000
    assert visitor.complaints == []


def test_a_drag_zooms_and_the_address_keeps_it(sign_in: SignIn) -> None:
    add_fleet()
    visitor = sign_in(Role.VIEWER)
    page = visitor.open("/entities/search?range=1h")
    over = page.locator(".chart .u-over")
    box = over.bounding_box()
    assert box is not None

    over.hover()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.98, box["y"] + 60, steps=4)
    page.mouse.up()

    page.wait_for_url(re.compile(r"from=\d{13}&to=\d{13}"))
    expect(page.get_by_role("link", name="Zoomed")).to_be_visible()
    expect(page.locator(".chart canvas")).to_be_visible()
    page.get_by_role("link", name="Zoomed").click()
    page.wait_for_url(re.compile(r"/entities/search$"))
    assert visitor.complaints == []


def test_a_range_without_results_and_a_failed_load_say_so(sign_in: SignIn) -> None:
    add_fleet()
    CheckResult.objects.all().delete()
    visitor = sign_in(Role.VIEWER)
    page = visitor.open("/entities/mailer")
    expect(page.get_by_text("No result in this time")).to_be_visible()

    page.route("**/latency?*", lambda route: route.abort())
    page.goto(f"{visitor.base}/entities/search")
    expect(page.get_by_text("The chart could not be loaded.")).to_be_visible()
    page.unroute("**/latency?*")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("No result in this time")).to_be_visible()


def test_the_keyboard_reads_the_days(sign_in: SignIn) -> None:
    add_fleet()
    page = sign_in(Role.VIEWER).open("/entities/payments-db")
    days = page.get_by_role("slider", name="Uptime of tcp by day")
    told = page.locator("[data-part=told]")
    expect(told).to_contain_text(" over ")

    days.focus()
    expect(told).to_contain_text("unhealthy")
    today = told.inner_text()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")

    expect(told).to_contain_text("no data")
    assert told.inner_text() != today
    expect(days).to_have_attribute("aria-valuetext", told.inner_text())


def test_the_mouse_reads_the_days(sign_in: SignIn) -> None:
    add_fleet()
    page = sign_in(Role.VIEWER).open("/entities/payments-db")
    box = page.locator(".days-bars").bounding_box()
    assert box is not None

    page.mouse.move(box["x"] + box["width"] - 3, box["y"] + 10)
    expect(page.locator("[data-part=told]")).to_contain_text("unhealthy")
    page.mouse.move(box["x"] + 3, box["y"] + 10)
    expect(page.locator("[data-part=told]")).to_contain_text("no data")
    page.mouse.move(0, 0)
    expect(page.locator("[data-part=told]")).to_contain_text(" over ")


def test_a_poll_keeps_the_chart_and_the_chosen_day(sign_in: SignIn) -> None:
    add_fleet()
    page = sign_in(Role.VIEWER).open("/entities/payments-db")
    expect(page.locator(".chart canvas")).to_be_visible()
    page.evaluate("document.querySelector('.chart canvas').dataset.kept = 'yes'")
    page.locator(".days-bars").focus()
    page.keyboard.press("Home")
    CheckState.objects.update(last_at_ms=now_ms())

    with page.expect_response(lambda response: "stamp" in response.url and response.status == 200):
        pass

    expect(page.locator("[data-part=told]")).to_contain_text("no data")
    expect(page.locator(".chart canvas")).to_be_visible()


def add_failing(count: int) -> None:
    for number in range(count):
        name = f"worker-of-the-night-{number:02}"
        Entity.objects.create(uid=f"ent_{number}", name=name, kind="job")
        add_check(name, "http", Status.UNHEALTHY, message="connection refused by 10.0.4.12:5432")


def open_wall(sign_in: SignIn) -> Visitor:
    visitor = sign_in(Role.VIEWER, width=1920)
    visitor.page.set_viewport_size({"width": 1920, "height": 1080})
    visitor.open("/wall")
    return visitor


@pytest.mark.parametrize("failing", [0, 5, 27, 60])
def test_the_wall_never_scrolls(failing: int, sign_in: SignIn) -> None:
    add_fleet()
    add_failing(failing)
    Entity.objects.bulk_create(Entity(uid=f"ent_h{n}", name=f"host-{n:04}", kind="host") for n in range(400))
    visitor = open_wall(sign_in)
    page = visitor.page

    assert page.evaluate("document.documentElement.scrollHeight") <= 1080
    assert visitor.scroll_width() <= 1920
    for place in (".wall-problem", ".wall-cell"):
        last = page.locator(place).last.bounding_box()
        assert last is not None
        assert last["y"] + last["height"] <= 1080, place
    assert visitor.complaints == []


def test_the_wall_says_when_it_cannot_reach_the_server(sign_in: SignIn) -> None:
    add_fleet()
    page = open_wall(sign_in).page
    expect(page.get_by_text("No connection to Quarterdeck.")).to_be_hidden()

    page.route("**/wall?*", lambda route: route.abort())

    expect(page.get_by_text("No connection to Quarterdeck.")).to_be_visible(timeout=30_000)
    page.unroute("**/wall?*")
    expect(page.get_by_text("No connection to Quarterdeck.")).to_be_hidden(timeout=30_000)


def test_title_and_icon_carry_the_verdict_on_every_page(sign_in: SignIn) -> None:
    add_fleet()
    visitor = sign_in(Role.ADMIN)

    for path in ("/", "/wall", "/new/entity", "/entities/mailer"):
        page = visitor.open(path)
        expect(page).to_have_title(re.compile(r"^1 unhealthy · (?!1 unhealthy)"))
        assert "icon-unhealthy" in str(page.locator("link[rel=icon]").get_attribute("href"))
    page = visitor.open("/admin/")
    assert "icon-unhealthy" in str(page.locator("link[rel=icon]").get_attribute("href"))
    assert page.request.get(f"{visitor.base}/favicon.ico").status == 200


def test_pages_are_light_without_the_chart_library(sign_in: SignIn) -> None:
    add_fleet()
    visitor = sign_in(Role.ADMIN)
    visitor.page.route(f"**/{CHART}/**", lambda route: route.abort())

    for path in ("/entities/payments-db", check_address("search"), "/wall"):
        visitor.open(path)
        assert 0 < visitor.weight < MOST_BYTES

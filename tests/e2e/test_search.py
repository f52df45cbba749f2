"""The search of the top bar with the keyboard, in a real browser; and the filter of a list, which is another field."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from core.permissions import Role
from ops.signals.domain import Status
from tests.breakers import OWN_CLOSED, add_breakers
from tests.browser import SignIn
from tests.fleet import add_check, add_fleet, add_queues

PHONE = 390


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id || document.activeElement.tagName"))


def type_search(page: Page, text: str) -> None:
    page.keyboard.press("/")
    page.keyboard.type(text)
    expect(page.locator("#found")).to_be_visible()


@pytest.mark.parametrize("path", ["/", "/checks?status=unhealthy", "/entities/mailer", "/new/entity", "/search?q=mail"])
def test_from_every_page_keys_find_and_open(path: str, sign_in: SignIn) -> None:
    add_fleet()
    visitor = sign_in(Role.EDITOR)
    page = visitor.open(path)

    type_search(page, "payments-d")
    expect(page.locator("#search-said")).to_have_text("Found 1 entity, 1 check")
    assert focused(page) == "search"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert focused(page).startswith("found-check-")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")

    page.wait_for_url("**/entities/payments-db")
    assert visitor.complaints == []


def test_the_arrows_end_at_both_ends_and_typing_goes_on_in_the_field(sign_in: SignIn) -> None:
    add_fleet()
    page = sign_in(Role.VIEWER).open("/")
    type_search(page, "paym")

    for _ in range(20):
        page.keyboard.press("ArrowDown")
    assert focused(page) == "found-all"
    page.keyboard.press("Home")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert focused(page) == "search"
    page.keyboard.press("ArrowDown")
    page.keyboard.type("ents-db")

    assert focused(page) == "search"
    expect(page.locator("#search")).to_have_value("payments-db")
    expect(page.locator("#found .search-line")).to_have_count(2)


def test_escape_closes_and_gives_the_focus_back(sign_in: SignIn) -> None:
    add_fleet()
    page = sign_in(Role.VIEWER).open("/checks")
    page.keyboard.press("j")
    row = page.evaluate("document.activeElement.href")
    type_search(page, "mailer")
    page.keyboard.press("ArrowDown")

    page.keyboard.press("Escape")

    expect(page.locator("#search-panel")).to_be_hidden()
    assert page.evaluate("document.activeElement.href") == row
    page.keyboard.press("/")
    expect(page.locator("#found")).to_be_visible()  # what was found is still there
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.mouse.click(1300, 600)
    expect(page.locator("#search-panel")).to_be_hidden()


def test_enter_in_the_field_opens_the_page_of_results(sign_in: SignIn) -> None:
    add_fleet()
    page = sign_in(Role.VIEWER).open("/")
    type_search(page, "payments http")

    page.keyboard.press("Enter")

    page.wait_for_url("**/search?q=payments+http")
    expect(page.get_by_role("heading", name="Search for")).to_be_visible()
    expect(page.locator("main .search-line")).to_have_count(1)


def test_without_javascript_the_field_is_a_form(sign_in: SignIn) -> None:
    add_fleet()
    visitor = sign_in(Role.VIEWER)
    browser = visitor.page.context.browser
    assert browser is not None
    context = browser.new_context(java_script_enabled=False, storage_state=visitor.page.context.storage_state())
    page = context.new_page()

    page.goto(f"{visitor.base}/")
    page.locator("#search").fill("mailer")
    page.locator("#search").press("Enter")

    page.wait_for_url("**/search?q=mailer")
    expect(page.locator("main .search-line").first).to_contain_text("mailer")
    context.close()


def test_a_search_that_fails_says_so_and_can_be_tried_again(sign_in: SignIn) -> None:
    add_fleet()
    page = sign_in(Role.VIEWER).open("/")
    page.route("**/search?*", lambda route: route.fulfill(status=503, body="<h1>no</h1>"))
    page.keyboard.press("/")
    page.keyboard.type("mailer")
    expect(page.locator("#search-said")).to_have_text("The search does not answer")
    page.unroute("**/search?*")
    page.route("**/search?*", lambda route: route.abort())
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    page.unroute("**/search?*")

    page.get_by_role("button", name="Try again").click()

    expect(page.locator("#found .search-line").first).to_contain_text("mailer")
    assert focused(page) == "search"


def test_what_is_typed_meanwhile_is_asked_for_when_the_search_has_answered(sign_in: SignIn) -> None:
    add_fleet()
    visitor = sign_in(Role.VIEWER)
    visitor.page.clock.install()
    page = visitor.open("/")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/search?q=pay", hold)
    with page.expect_request("**/search?q=pay"):
        page.keyboard.press("/")
        page.keyboard.type("pay")

    page.keyboard.type("ments-db")
    page.clock.fast_forward(1_000)
    expect(page.locator("[data-part=busy]")).to_be_visible()
    held[0].continue_()

    expect(page.locator("#search-found")).to_contain_text("payments-db")
    expect(page.locator("#search-found")).not_to_contain_text("payments-api")
    assert visitor.complaints == []


def test_what_is_typed_before_the_page_is_ready_is_found_as_well(sign_in: SignIn) -> None:
    add_fleet()
    visitor = sign_in(Role.VIEWER)
    page = visitor.page
    # htmx begins in a timer without a delay.
    page.add_init_script("const later = setTimeout; setTimeout = (act, ms = 800, ...rest) => later(act, ms, ...rest)")
    page.goto(f"{visitor.base}/")

    type_search(page, "pay")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, PHONE])
def test_the_open_panel_is_accessible_and_fits(theme: str, width: int, sign_in: SignIn) -> None:
    add_fleet()
    add_queues()
    add_breakers()
    for number in range(9):
        add_check("payments-api", f"a-check-with-quite-a-long-name-{number}", Status.DEGRADED)
    visitor = sign_in(Role.VIEWER, theme=theme, width=width)
    page = visitor.open("/")

    type_search(page, "pay")
    expect(page.get_by_role("link", name=re.compile(r"^All \d+ checks$"))).to_be_visible()
    assert visitor.accessibility_violations() == []
    assert visitor.scroll_width() <= width
    box = page.locator("#search-panel").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    page.keyboard.type("-nothing-so")
    expect(page.locator("#found-nothing")).to_be_visible()
    assert visitor.accessibility_violations() == []
    assert visitor.complaints == []


def test_a_list_is_filtered_by_a_field_of_its_own_that_no_answer_overwrites(sign_in: SignIn) -> None:
    add_fleet()
    page = sign_in(Role.VIEWER).open("/checks")
    page.keyboard.press("f")
    page.keyboard.type("mailer")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.wait_for_url("**/checks?q=mailer")
    expect(page.locator("#search")).to_have_value("")

    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/checks?q=mailerx", hold)
    with page.expect_request("**/checks?q=mailerx"):
        page.keyboard.type("x")
    page.evaluate("document.getElementById('filter-q').value += 'yz'")  # typed while the answer is on its way
    held[0].continue_()
    expect(page.get_by_text("No check matches")).to_be_visible()

    expect(page.locator("#filter-q")).to_have_value("mailerxyz")
    assert focused(page) == "filter-q"


def test_an_own_breaker_is_found_and_opened_by_the_keyboard(sign_in: SignIn) -> None:
    add_fleet()
    add_breakers()
    visitor = sign_in(Role.VIEWER)
    page = visitor.open("/checks")

    type_search(page, "10.0.4.12:5432")
    page.keyboard.type(" ")
    expect(page.locator("#search-said")).to_have_text("Found 1 own breaker")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    page.wait_for_url(f"**/breakers/own/{OWN_CLOSED}")
    assert visitor.complaints == []

"""On a phone everything of the rail is in reach: the main pages in the bar, the others in the account menu."""

import pytest
from playwright.sync_api import Page, expect

from core.permissions import Role
from ops.signals.domain import Status
from tests.breakers import add_own_open
from tests.browser import SignIn
from tests.fleet import add_fleet, add_queue

PLACES = ["Admin", "Wallboard", "API"]


def places(page: Page) -> list[str]:
    return [text.strip() for text in page.locator(".menu-places a:visible").all_inner_texts()]


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.textContent.trim()"))


def test_what_the_bar_has_no_room_for_is_in_the_account_menu(sign_in: SignIn) -> None:
    add_fleet()
    visitor = sign_in(Role.ADMIN, width=390)
    page = visitor.open("/?team=payments")
    account = page.get_by_label("Account of admin")

    account.focus()
    page.keyboard.press("Enter")
    assert places(page) == PLACES
    assert visitor.accessibility_violations() == []
    for name in PLACES:
        page.keyboard.press("Tab")
        assert focused(page) == name
    page.keyboard.press("Escape")
    expect(page.locator(".menu-places")).to_be_hidden()
    expect(account).to_be_focused()

    account.click()
    page.mouse.click(8, 500)
    expect(page.locator(".menu-places")).to_be_hidden()

    account.click()
    page.locator(".menu-places").get_by_role("link", name="Wallboard").click()
    page.wait_for_url("**/wall?team=payments")
    assert visitor.complaints == []


def test_only_staff_is_led_to_the_admin_and_a_wide_page_has_the_rail(sign_in: SignIn) -> None:
    page = sign_in(Role.VIEWER, width=390).open("/")
    page.get_by_label("Account of viewer").click()
    assert places(page) == PLACES[1:]

    page.set_viewport_size({"width": 1440, "height": 900})
    assert places(page) == []
    expect(page.locator("#rail").get_by_role("link", name="Wallboard")).to_be_visible()


@pytest.mark.parametrize("path", ["/", "/entities", "/checks", "/breakers?q=none"])
def test_every_filter_is_high_enough_for_a_finger(path: str, sign_in: SignIn) -> None:
    add_fleet()
    page = sign_in(Role.VIEWER, width=390).open(path)

    heights = page.locator(".narrow").evaluate(
        "(bar) => [...bar.querySelectorAll('input, select, a')].map((one) => one.getBoundingClientRect().height)"
    )
    assert len(heights) > 1
    assert set(heights) == {44}


@pytest.mark.parametrize("width", [390, 320])
def test_no_word_or_count_of_the_bar_touches_another(width: int, sign_in: SignIn) -> None:
    page = sign_in(Role.VIEWER, width=width).open("/")
    page.evaluate(
        """for (const item of document.querySelectorAll("#rail ul:first-of-type .rail-item")) {
          item.querySelector(".rail-count")?.remove();
          item.insertAdjacentHTML("beforeend", '<span class="rail-count">128</span>');
        }"""
    )
    gaps = page.evaluate(
        """() => {
          const boxes = (nodes) => nodes.map((node) => {
            const range = document.createRange();
            range.selectNodeContents(node);
            return range.getBoundingClientRect();
          });
          const items = [...document.querySelectorAll("#rail ul:first-of-type .rail-item")];
          const words = boxes(items.map((item) => [...item.childNodes].find((node) => node.data?.trim())));
          const counts = items.map((item) => item.querySelector(".rail-count").getBoundingClientRect());
          const between = (list) => list.slice(1).map((box, at) => box.left - list[at].right);
          return [...between(words), ...between(counts), words[0].left, innerWidth - counts.at(-1).right];
        }"""
    )
    assert min(gaps) >= 2, gaps


@pytest.mark.parametrize("path", ["/", "/entities", "/checks", "/queues", "/breakers"])
def test_every_link_of_a_list_is_high_enough_for_a_finger(path: str, sign_in: SignIn) -> None:
    """WCAG 2.5.8: 24 px. On a desktop no row becomes higher for it."""
    add_fleet()
    add_queue("search", "emails", Status.UNHEALTHY, message="212 waiting, limit 100")
    add_own_open()
    page = sign_in(Role.VIEWER, width=390).open(path)

    low = page.locator("main").evaluate(
        """(main) => [...main.querySelectorAll("table a, .changes a")]
          .filter((link) => link.checkVisibility() && link.getBoundingClientRect().height < 24)
          .map((link) => link.textContent)"""
    )
    assert low == []

    page.set_viewport_size({"width": 1440, "height": 900})
    rows = page.locator("tbody tr").evaluate_all("(rows) => rows.map((row) => row.getBoundingClientRect().height)")
    assert max(rows, default=0) < (37 if path in {"/", "/entities", "/checks"} else 60)

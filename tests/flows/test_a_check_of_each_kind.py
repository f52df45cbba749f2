"""One check of each kind is tried and added through its form, in both themes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.permissions import Role
from entities.models import Entity
from ops.health.checks import KINDS
from ops.health.models import Check
from tests.browser import SignIn, Visitor
from tests.fleet import show_signs_of_life
from tests.ops.health.targets import Target, answer, run_target
from tests.services import free_port, run_valkey

ASKED = {
    "http": {"Address": "{url}"},
    "tcp": {"Host": "127.0.0.1", "Port": "{port}"},
    "redis": {"Host": "127.0.0.1", "Port": "{redis}"},
    "heartbeat": {"Period": "2h"},
}
"""What the form of each kind asks for, by label, and what is answered."""


@pytest.fixture
def target() -> Iterator[Target]:
    with run_target(answer("200 OK", b'{"status": "ok"}')) as running:
        yield running


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[int]:
    port = free_port()
    with run_valkey(tmp_path, port=port):
        yield port


@pytest.fixture
def fleet(transactional_db: None) -> None:
    Entity.objects.create(name="api", kind="service")
    show_signs_of_life()


def fill_in(page: Page, asked: dict[str, str], target: Target, redis: int) -> None:
    for label, text in asked.items():
        control = page.get_by_label(label, exact=True)
        if control.evaluate("control => control.tagName") == "SELECT":
            control.select_option(text)
        else:
            control.fill(text.format(url=target.url, port=target.port, redis=redis))


def inspect(visitor: Visitor) -> None:
    assert visitor.accessibility_violations() == []
    assert visitor.complaints == []


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 390)])
def test_a_check_of_each_kind_is_tried_and_added(
    theme: str, width: int, sign_in: SignIn, target: Target, *, redis: int, fleet: None
) -> None:
    visitor = sign_in(Role.EDITOR, theme=theme, width=width)
    for name, asked in ASKED.items():
        page = visitor.open("/new/check?entity=api")
        inspect(visitor)
        page.locator(f"#kind-{name}").click()
        page.get_by_label("Name", exact=True).fill(f"{name}-check")
        fill_in(page, asked, target, redis)
        if name != "heartbeat":
            page.get_by_role("button", name="Test now").click()
            expect(page.locator("#trial")).to_contain_text("Healthy")
            expect(page.locator("#trial")).to_contain_text("Nothing was saved")
        inspect(visitor)
        assert visitor.scroll_width() <= width
        page.get_by_role("button", name="Add check").click()
        page.wait_for_url("**/checks/chk_*")

    assert set(Check.objects.values_list("kind", "name")) == {(name, f"{name}-check") for name in ASKED}


def test_errors_come_while_typing_and_leave_text_and_focus_alone(sign_in: SignIn, target: Target, fleet: None) -> None:
    visitor = sign_in(Role.EDITOR)
    page = visitor.open("/new/check?entity=api&kind=http")
    address = page.get_by_role("textbox", name="Address")

    address.press_sequentially("payments")
    expect(page.locator("#n-url")).to_contain_text("xpected http:// or https://")
    expect(address).to_be_focused()
    expect(address).to_have_value("payments")
    expect(address).to_have_attribute("aria-invalid", "true")
    address.fill(target.url)
    expect(page.locator("#n-url")).to_have_text("")
    expect(address).not_to_have_attribute("aria-invalid", "true")

    conditions = page.get_by_label("Healthy when")
    page.get_by_role("button", name="[STATUS]").click()
    conditions.press_sequentially("== 200 [")
    conditions.fill("[STATU] == 200")
    expect(page.locator("#n-conditions mark")).to_have_text("[STATU]")
    page.get_by_label("Every", exact=True).fill("1m30s")
    expect(page.locator("#n-interval")).to_have_text("1 minute 30 seconds")

    page.get_by_role("button", name="Test now").click()
    expect(page.locator("#trial")).to_contain_text("Not tested")
    expect(page.locator("#n-conditions mark")).to_have_text("[STATU]")
    expect(page.locator("#n-name")).to_have_text("")  # a test needs none
    inspect(visitor)


def test_another_kind_takes_over_what_was_typed(sign_in: SignIn, fleet: None) -> None:
    page = sign_in(Role.EDITOR).open("/new/check?entity=api&kind=http")
    page.get_by_label("Name", exact=True).fill("reachable")
    page.get_by_text("Other kind").click()
    page.get_by_role("radio", name="TCP").check()

    expect(page.get_by_label("Port", exact=True)).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_have_value("reachable")
    page.wait_for_url("**/new/check?kind=tcp&entity=api&name=reachable")


def test_the_kinds_that_this_story_knows_are_registered() -> None:
    assert ASKED.keys() <= set(KINDS.names())

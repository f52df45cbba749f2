"""How forms stand on the page."""

import itertools

import pytest
from playwright.sync_api import expect

from core.permissions import Role
from tests.browser import SignIn
from tests.fleet import add_fleet


@pytest.mark.parametrize("path", ["/new/check?kind=http", "/new/queue?kind=redis", "/new/breaker-source?kind=scrape"])
def test_fields_that_were_folded_away_stand_apart_like_the_others(path: str, sign_in: SignIn) -> None:
    page = sign_in(Role.EDITOR).open(path)
    page.get_by_text("More settings").click()
    fields = page.locator("#more > .field")
    expect(fields.nth(1)).to_be_visible()

    boxes = [box for field in fields.all() if (box := field.bounding_box())]

    gaps = {round(below["y"] - above["y"] - above["height"]) for above, below in itertools.pairwise(boxes)}
    assert gaps == {16}


def test_what_an_entity_needs_is_chosen_by_the_keyboard(sign_in: SignIn) -> None:
    add_fleet()
    page = sign_in(Role.EDITOR).open("/new/entity")
    needs, picker = page.get_by_label("Needs", exact=False).first, page.get_by_label("Add to Needs")
    needs.fill("mailer soft")

    for name in ("search", "mailer"):
        picker.fill(name)
        picker.press("Enter")

    expect(needs).to_have_value("mailer soft\nsearch")
    expect(picker).to_have_value("")
    expect(picker).to_be_focused()
    expect(page).to_have_url(f"{page.url.split('/new')[0]}/new/entity")


@pytest.mark.parametrize("path", ["/new/check?kind=http", "/new/entity"])
def test_a_refused_form_says_so_where_one_looks_and_leads_to_what_is_wrong(path: str, sign_in: SignIn) -> None:
    visitor = sign_in(Role.EDITOR, width=390)
    page = visitor.open(path)

    page.get_by_role("button", name="Add").last.click()

    refused = page.get_by_role("alert").filter(has_text="Not saved.")
    expect(refused).to_be_in_viewport()
    expect(refused).to_be_focused()
    refused.get_by_role("link", name="Name").click()
    expect(page.locator("#f-name")).to_be_focused()
    assert visitor.accessibility_violations() == []

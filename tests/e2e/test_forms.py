"""How forms stand on the page."""

import itertools

import pytest
from playwright.sync_api import expect

from core.permissions import Role
from tests.browser import SignIn


@pytest.mark.parametrize("path", ["/new/check?kind=http", "/new/queue?kind=redis", "/new/breaker-source?kind=scrape"])
def test_fields_that_were_folded_away_stand_apart_like_the_others(path: str, sign_in: SignIn) -> None:
    page = sign_in(Role.EDITOR).open(path)
    page.get_by_text("More settings").click()
    fields = page.locator("#more > .field")
    expect(fields.nth(1)).to_be_visible()

    boxes = [box for field in fields.all() if (box := field.bounding_box())]

    gaps = {round(below["y"] - above["y"] - above["height"]) for above, below in itertools.pairwise(boxes)}
    assert gaps == {16}

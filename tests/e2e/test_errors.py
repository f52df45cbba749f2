"""The pages of errors hold what every page holds, with whatever a program said in them."""

import time

import orjson
import pytest
from playwright.sync_api import expect

from core.permissions import Role, system_principal
from entities.models import Entity
from ops.errors import services
from ops.errors.digest import digest_spool
from ops.errors.judging import judge_groups
from ops.errors.models import ErrorGroup, SpooledEvent
from tests.browser import SignIn
from tests.e2e.test_pages import LOOKS, inspect
from tests.fleet import HOSTILE, add_fleet
from tests.ops.errors.conftest import Event, event


def _events() -> list[Event]:
    crumbs = [{"category": HOSTILE, "level": "warning", "message": HOSTILE, "timestamp": time.time() - 5}]
    said = event(
        kind="UnspeakablyLongNameOfAnErrorThatNobodyWouldWrite" * 3, value=HOSTILE, functions=("charge", "f" * 150),
        breadcrumbs={"values": crumbs}, tags={"tenant": "x" * 150, HOSTILE: HOSTILE}, release="shop@1.0",
        environment="production", user={"id": 7},
        request={"url": "https://shop.example/" + "p" * 150, "method": "POST", "headers": {"User-Agent": "m" * 150}},
    )  # fmt: skip
    frame = said["exception"]["values"][0]["stacktrace"]["frames"][0]
    frame |= {"context_line": "    raise " + "x" * 150, "pre_context": ["def charge():"], "vars": {"amount": "9" * 150}}
    return [said, *(event(kind="KeyError") for _ in range(5)), {"message": "stock is low", "level": "warning"}]


@pytest.fixture
def groups(transactional_db: None) -> list[ErrorGroup]:
    """With a stack that is long in every way, one that troubles its entity, and one without a stack."""
    add_fleet()
    mailer = Entity.objects.get(name="mailer")
    services.create_key(principal=system_principal("test"), entity_ref="mailer", label="web")
    SpooledEvent.objects.bulk_create(
        SpooledEvent(entity_id=mailer.pk, received_ms=round(time.time() * 1_000), payload=orjson.dumps(item))
        for item in _events()
    )
    digest_spool()
    judge_groups()
    return list(ErrorGroup.objects.order_by("id"))


@LOOKS
def test_pages_of_errors_are_accessible_silent_and_fit_a_phone(
    theme: str, width: int, sign_in: SignIn, groups: list[ErrorGroup]
) -> None:
    visitor = sign_in(Role.ADMIN, theme=theme, width=width)
    paths = [f"/errors/{group.uid}" for group in groups]
    for path in ("/errors", "/errors?state=muted", "/errors?q=nothing", "/entities/mailer", *paths):
        inspect(visitor, path)
    visitor.open("/entities/mailer").locator("#dsns summary").first.click()
    assert visitor.accessibility_violations() == []
    page = visitor.open(paths[0])
    page.locator("#mute summary").click()
    assert visitor.accessibility_violations() == []
    assert page.locator("img[src=x]").count() == 0


def test_a_page_that_is_read_stays_as_it_was_left(sign_in: SignIn, groups: list[ErrorGroup]) -> None:
    """Another event of the group morphs the page: what was opened stays open."""
    group = next(group for group in groups if group.title.startswith("KeyError"))
    page = sign_in(Role.OPERATOR).open(f"/errors/{group.uid}")
    page.locator("#mute summary").click()
    ErrorGroup.objects.filter(pk=group.pk).update(events=4_711)
    expect(page.locator(".facts > div").first).to_contain_text("4,711", timeout=20_000)
    expect(page.get_by_role("button", name="For 1 h")).to_be_visible()

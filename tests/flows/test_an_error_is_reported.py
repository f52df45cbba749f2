"""The story of an error: a program with a stock SDK throws, the operator looks and acts, and it comes back."""

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from django.db import connection
from playwright.sync_api import Page, expect

from core.models import AuditEntry
from core.permissions import Role
from ops.errors.tasks import digest
from tests.browser import SignIn
from tests.entities.catalogue import add_entity
from tests.fleet import show_signs_of_life

SEEN_MS = 20_000
"""An event is on the page within 5 s; the machine of a test may be slow."""

PROGRAM = """
import sys
import sentry_sdk

sentry_sdk.init(dsn=sys.argv[1], release=sys.argv[2], environment="production")
sentry_sdk.set_tag("tenant", "blue")
sentry_sdk.set_user({"id": sys.argv[2]})
sentry_sdk.add_breadcrumb(category="cart", message="added a book")

def charge(amount, password):
    raise ValueError(f"bad amount {amount}")

charge(-1, password="hunt" + "er2")
"""


@pytest.fixture
def worker(transactional_db: None) -> Iterator[None]:
    """What the worker does each second, in a thread."""
    stop = threading.Event()

    def work() -> None:
        try:
            while not stop.wait(0.2):
                show_signs_of_life()
                digest()
        finally:
            connection.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join(30)


def throw(dsn: str, release: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, dsn, release], capture_output=True, text=True, timeout=60, check=False
    )
    assert "ValueError: bad amount -1" in ran.stderr


def copy_a_new_dsn(page: Page) -> str:
    page.locator("#dsn-label").fill("the shop")
    page.get_by_role("button", name="New DSN").click()
    page.get_by_role("button", name="Copy the DSN the shop").click()
    expect(page.locator("#toasts")).to_contain_text("Copied")
    return str(page.evaluate("navigator.clipboard.readText()"))


def test_an_error_is_reported_looked_at_resolved_and_comes_back(sign_in: SignIn, worker: None) -> None:
    add_entity("shop")
    visitor = sign_in(Role.OPERATOR)
    visitor.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visitor.open("/entities/shop")
    dsn = copy_a_new_dsn(page)
    assert dsn.startswith("http://")

    visitor.open("/errors")
    expect(page.get_by_text("No error was reported yet")).to_be_visible()
    throw(dsn, "shop@1.0")
    link = page.get_by_role("link", name="ValueError: bad amount -1")
    expect(link).to_be_visible(timeout=SEEN_MS)
    link.click()

    page.wait_for_url("**/errors/err_*")
    expect(page.get_by_role("heading", level=1)).to_have_text("ValueError: bad amount -1")
    expect(page.locator(".source-line[data-current]").or_(page.get_by_text("charge")).first).to_be_visible()
    expect(page.get_by_text("tenant: blue")).to_be_visible()
    expect(page.get_by_text("added a book", exact=True)).to_be_visible()
    expect(page.get_by_text("amount", exact=True).first).to_be_visible()
    assert "hunter2" not in page.content()

    page.get_by_role("button", name="Resolve").click()
    expect(page.locator(".error-state")).to_have_text("Resolved")
    throw(dsn, "shop@1.0")
    expect(page.locator(".facts > div").first).to_contain_text("2", timeout=SEEN_MS)
    expect(page.locator(".error-state")).to_have_text("Resolved")
    throw(dsn, "shop@1.1")
    expect(page.locator(".error-state")).to_have_text("Open", timeout=SEEN_MS)
    expect(page.get_by_text("came back", exact=True)).to_be_visible()
    expect(page.get_by_text("shop@1.1").first).to_be_visible()

    page.goto(visitor.base)
    expect(page.locator(".problem")).to_contain_text("came back", timeout=SEEN_MS)
    page.goto(f"{visitor.base}/errors")
    page.get_by_role("link", name="ValueError: bad amount -1").click()
    page.locator("#mute summary").click()
    page.get_by_role("button", name="For 1 h").click()
    expect(page.locator(".error-state")).to_have_text("Muted")
    expect(page.locator("#edits-title")).to_be_visible()
    page.goto(visitor.base)
    expect(page.locator(".problem")).to_have_count(0)

    assert list(AuditEntry.objects.filter(actor="user:operator").order_by("id").values_list("action", flat=True)) == [
        "dsn.create",
        "error.resolve",
        "error.mute",
    ]
    assert visitor.complaints == []

"""The main story, through the pages alone: a service is added, checked, turns bad, and the operator sees it."""

import http.server
import threading
from collections.abc import Iterator

import pytest
from django.db import connection
from playwright.sync_api import Page, expect

from core.models import AuditEntry
from core.permissions import Role
from ops.health.engine.probing import process_prober
from ops.health.engine.spine import Engine
from tests.browser import PASSWORD, SignIn, add_user
from tests.fleet import show_signs_of_life


class Target(http.server.ThreadingHTTPServer):
    """A real HTTP server whose health can be turned."""

    status = 200

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert isinstance(self.server, Target)
            body = b'{"status": "ok"}'
            self.send_response(self.server.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Stay silent."""


@pytest.fixture
def target() -> Iterator[Target]:
    server = Target(("127.0.0.1", 0), Target.Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def worker(transactional_db: None) -> Iterator[None]:
    """What a process of the worker does while it is woken, in a thread."""
    stop = threading.Event()

    def work() -> None:
        engine = Engine(process_prober(), should_stop=stop.is_set)
        try:
            while not stop.wait(0.1):
                show_signs_of_life()
                engine.run_due_checks()
        finally:
            connection.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join(30)


def sign_in_by_hand(page: Page, base: str) -> None:
    page.goto(f"{base}/entities")
    page.get_by_label("Username").fill(Role.EDITOR.value)
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("do not match")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{base}/entities")


def test_a_service_is_added_checked_and_seen_turning_bad(sign_in: SignIn, target: Target, worker: None) -> None:
    add_user(Role.EDITOR)
    visitor = sign_in(None)
    page = visitor.page
    sign_in_by_hand(page, visitor.base)

    page.get_by_role("link", name="Add a service").click()
    page.get_by_label("Name", exact=True).fill("Payments API")
    page.get_by_role("button", name="Add entity").click()
    expect(page.locator("#n-name")).to_contain_text("must be 1 to 64 of a-z")
    expect(page.get_by_label("Name", exact=True)).to_have_value("Payments API")
    page.get_by_label("Name", exact=True).fill("payments-api")
    page.get_by_label("Team").fill("payments")
    page.get_by_role("button", name="Add entity").click()
    page.wait_for_url("**/entities/payments-api")

    page.get_by_role("link", name="Add a check").click()
    page.get_by_role("link", name="Heartbeat").click()
    expect(page.get_by_label("Period")).to_be_visible()
    page.get_by_text("Other kind").click()
    page.get_by_role("radio", name="HTTP").click()
    expect(page.get_by_role("textbox", name="Address")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("http")
    page.get_by_role("textbox", name="Address").fill(f"http://127.0.0.1:{target.server_port}/health")
    page.get_by_label("Every", exact=True).fill("1s")
    page.get_by_label("Timeout").fill("1s")
    page.get_by_label("Healthy when").fill("[STATUS] == 200\n[BODY].status == ok")
    page.get_by_role("button", name="Add check").click()
    page.wait_for_url("**/checks/chk_*")

    expect(page.locator(".standing-word")).to_have_text("Healthy")

    page.goto(visitor.base)
    expect(page.locator(".verdict-line")).to_contain_text("All 1 healthy")
    page.evaluate("window.sameDocument = true")
    target.status = 500
    expect(page.locator(".verdict-line")).to_contain_text("1 unhealthy")
    expect(page.locator(".problem-reason")).to_have_text("http [STATUS] (500) == 200")
    expect(page).to_have_title("1 unhealthy · Quarterdeck")
    assert page.evaluate("window.sameDocument"), "the page was loaded anew"

    page.get_by_role("button", name="Run now").click()
    expect(page.locator("#toasts")).to_contain_text("Running 1 check of payments-api")
    page.get_by_role("link", name="payments-api").first.click()
    expect(page.get_by_text("editor ran check payments-api/http")).to_be_visible()
    expect(page.get_by_text("editor created entity payments-api")).to_be_visible()
    audit = AuditEntry.objects.order_by("id").values_list("actor", "action")
    assert list(audit) == [
        ("user:editor", "team.create"),
        ("user:editor", "entity.create"),
        ("user:editor", "check.create"),
        ("user:editor", "check.run"),
    ]
    # Chromium notes every answer of 4xx, the refused form's as well.
    assert [complaint for complaint in visitor.complaints if "status of 422" not in complaint] == []

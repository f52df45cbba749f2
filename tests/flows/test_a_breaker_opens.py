"""The story of a breaker: a program reports it open on some instances, the operator sees it, and opens one of ours."""

import datetime as dt
import json
import threading
import urllib.request
from collections.abc import Iterator

import pytest
from django.db import connection
from playwright.sync_api import expect

from core.breaker.machine import BreakerState
from core.breaker.registry import own_storage
from core.breaker.storage import Operation
from core.models import AuditEntry
from core.permissions import Role, system_principal
from core.tokens import create_token
from ops.breakers.own_selectors import read_standing
from ops.probing.guarding import POLICY
from tests.browser import SignIn
from tests.entities.catalogue import add_entity
from tests.fleet import show_signs_of_life

OWN = "target:cards.internal:443"
SEEN_MS = 20_000


@pytest.fixture
def worker(transactional_db: None) -> Iterator[None]:
    """The platform lives as long as the story."""
    stop = threading.Event()

    def work() -> None:
        try:
            while not stop.wait(0.5):
                show_signs_of_life()
        finally:
            connection.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join(30)


def report(base: str, token: str, states: dict[str, str]) -> None:
    ahead = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=5)
    items = [
        {"entity": "shop", "breaker": "cards", "instance": instance, "state": state, "ttl": "10m", "failure_rate": 60}
        | ({"next_half_open_at": ahead.isoformat()} if state == "open" else {})
        for instance, state in states.items()
    ]
    request = urllib.request.Request(
        f"{base}/api/v1/breakers/reports",
        json.dumps({"reports": items}).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert json.load(answer)["accepted"] == len(items)


def test_a_breaker_is_reported_open_and_one_of_ours_is_forced_open(sign_in: SignIn, worker: None) -> None:
    own_storage()._client.flushdb()
    own_storage().run([Operation(OWN, POLICY, "observe", calls="fs")])
    add_entity("shop")
    token = create_token(principal=system_principal("tester"), name="shop", role="operator").secret
    visitor = sign_in(Role.OPERATOR)
    page = visitor.open("/breakers")
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="shop / cards"))

    report(visitor.base, token, {"web-1": "closed", "web-2": "closed", "web-3": "closed"})
    expect(row).to_contain_text("Closed", timeout=SEEN_MS)
    report(visitor.base, token, {"web-1": "open", "web-2": "open"})
    expect(row).to_contain_text("on 2 of 3 instances, half-open in", timeout=SEEN_MS)
    expect(page.locator("#rail").get_by_role("link", name="Breakers")).to_contain_text("1 open")

    row.get_by_role("link").click()
    page.wait_for_url("**/breakers/brk_*")
    expect(page.locator(".standing-line")).to_contain_text("Open on 2 of 3 instances")
    expect(page.locator(".instance-table tbody tr")).to_have_count(3)
    expect(page.get_by_role("table", name="Transitions").get_by_role("row")).to_have_count(6)
    assert page.get_by_role("button", name="Force open").count() == 0, "a report gives no way back to the program"

    page.get_by_role("link", name="Breakers", exact=True).last.click()
    page.get_by_role("link", name=OWN).click()
    page.wait_for_url("**/breakers/own/*")
    expect(page.locator(".standing-word")).to_have_text("Closed")
    menu = page.locator("#act-force_open")
    menu.locator("summary").click()
    menu.get_by_label("Reason").press_sequentially("cards are being moved")
    drawn = page.locator("#live").get_attribute("data-now")
    expect(page.locator("#live")).not_to_have_attribute("data-now", drawn or "", timeout=SEEN_MS)
    expect(menu.get_by_label("Reason")).to_have_value("cards are being moved")
    menu.get_by_label("For", exact=True).select_option("4 h")
    assert visitor.accessibility_violations() == []
    page.get_by_role("button", name="Force it open").click()

    expect(page.locator("#toasts")).to_contain_text(f"Forced {OWN} open for 4 h")
    expect(page.locator(".standing-word")).to_have_text("Forced open", timeout=SEEN_MS)
    expect(page.locator(".changes")).to_contain_text("operator forced it open")
    expect(page.locator(".changes")).to_contain_text("cards are being moved")
    assert page.locator("details.menu[open]").count() == 0
    assert read_standing(OWN).state is BreakerState.FORCED_OPEN
    entry = AuditEntry.objects.get(actor="user:operator")
    assert (entry.action, entry.target_name, (entry.after or {})["reason"]) == (
        "breaker.force_open",
        OWN,
        "cards are being moved",
    )
    assert visitor.complaints == []

"""A program with a stock Sentry SDK, as its own process, reports to a server of the test."""

import subprocess
import sys
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from core.permissions import Role
from ops.errors.digest import digest_spool
from ops.errors.models import ErrorKey, SpooledEvent
from tests.browser import live_server
from tests.services import wait_for

__all__ = ["live_server"]

PROGRAM = """
import sys
import sentry_sdk

sentry_sdk.init(
    dsn=sys.argv[1], release="shop@1.2.0", environment="staging", server_name="host-1", traces_sample_rate=1.0
)
sentry_sdk.set_tag("tenant", "blue")
sentry_sdk.set_user({"id": 7, "email": "ada@example.org"})
sentry_sdk.add_breadcrumb(category="cart", message="added a book")

def charge(amount, password):
    raise RuntimeError(f"the bank refused {amount}")

with sentry_sdk.start_transaction(op="task", name="checkout"):
    try:
        charge(42, password="hunt" + "er2")
    except RuntimeError:
        sentry_sdk.capture_exception()
sentry_sdk.capture_message("stock is low")
sentry_sdk.metrics.count("books", 1)
charge(43, password="hunt" + "er2")
"""


@pytest.mark.django_db(transaction=True)
def test_what_a_stock_sdk_reports_is_told_by_the_api(live_server: LiveServer, key: ErrorKey, client_of: Any) -> None:
    host = live_server.url.removeprefix("http://")
    dsn = f"http://{key.public_key}@{host}/{key.pk}"
    ran = subprocess.run([sys.executable, "-c", PROGRAM, dsn], capture_output=True, text=True, timeout=60, check=False)
    assert "RuntimeError: the bank refused 43" in ran.stderr
    wait_for(lambda: SpooledEvent.objects.count() == 3, what="three events")
    digest_spool()

    client = client_of(Role.VIEWER)
    groups = client.get("/api/v1/errors?sort=volume").json()["items"]
    events = client.get(f"/api/v1/errors/{groups[0]['id']}/events").json()["items"]

    raised, said = groups
    assert (raised["title"], raised["culprit"]) == ("RuntimeError: the bank refused 43", "__main__ in charge")
    assert (raised["count"], raised["users"], raised["level"], raised["platform"]) == (2, 1, "error", "python")
    assert (raised["releases"], raised["environments"]) == (["shop@1.2.0"], ["staging"])
    assert (said["title"], said["count"]) == ("stock is low", 1)

    assert len(events[0]["trace_id"]) == 32
    data = events[0]["data"]
    assert ["tenant", "blue"] in data["tags"]
    assert data["breadcrumbs"][0]["message"] == "added a book"
    assert (data["server"], data["sdk"].partition(".")[0]) == ("host-1", "sentry")
    last = data["exceptions"][-1]["frames"][-1]
    assert (last["function"], last["in_app"]) == ("charge", True)
    assert ["amount", "43"] in last["variables"]
    assert "hunter2" not in str(events)

"""Pings and ping keys over REST and on the pages."""

from collections.abc import Callable

import pytest
from django.test import Client

from core.models import AuditEntry
from core.permissions import Role
from entities.models import Entity
from ops.health.checks import KINDS
from ops.health.models import Check, Heartbeat
from tests.ops.health.factories import make_check

pytestmark = pytest.mark.django_db

type ClientOf = Callable[[Role], Client]
HOSTILE = "<script>alert(1)</script>\x1b[31m"


@pytest.fixture
def heartbeat() -> Check:
    return make_check("heartbeat", {"period": "60s", "grace": "10s"}, due_in_ms=70_000, name="nightly")


def ping(check: Check, suffix: str = "", body: str = "") -> None:
    ping_id = Heartbeat.objects.get(pk=check.pk).ping_id
    assert Client().generic("POST", f"/ping/{ping_id}{suffix}", body.encode()).status_code == 200


def test_the_last_pings_are_listed_newest_first(client_of: ClientOf, heartbeat: Check) -> None:
    ping(heartbeat, "/start")
    ping(heartbeat, "/3", HOSTILE)

    last, first = client_of(Role.VIEWER).get(f"/api/v1/checks/{heartbeat.uid}/pings").json()["items"]

    assert (first["number"], first["signal"], first["duration_ms"]) == (1, "start", None)
    assert (last["number"], last["signal"], last["exit_status"], last["body"]) == (2, "fail", 3, HOSTILE)
    assert last["duration_ms"] >= 0
    assert client_of(Role.VIEWER).get("/api/v1/checks/chk_none/pings").status_code == 404


def test_a_key_is_made_shown_rotated_and_deleted(client_of: ClientOf, heartbeat: Check) -> None:
    editor, entity = client_of(Role.EDITOR), heartbeat.entity
    address = f"/api/v1/entities/{entity.name}/ping-key"
    assert editor.get(address).status_code == 404

    first = editor.post(address).json()
    assert editor.get(address).json() == first
    assert first["ping_url"] == f"http://testserver/ping/{first['ping_key']}/{{check}}"
    second = editor.post(address).json()["ping_key"]

    assert client_of(Role.VIEWER).get(address).status_code == 403
    assert Client().get(f"/ping/{first['ping_key']}/nightly").status_code == 404
    assert Client().get(f"/ping/{second}/nightly").content == b"OK"
    assert f"/ping/{second}/nightly" in editor.get(f"/checks/{heartbeat.uid}").text
    assert editor.delete(address).status_code == 204
    assert Client().get(f"/ping/{second}/nightly").status_code == 404
    actions = AuditEntry.objects.order_by("id").values_list("action", flat=True)
    assert list(actions) == ["ping_key.rotate", "ping_key.rotate", "ping_key.delete"]
    assert second not in str(list(AuditEntry.objects.values()))


def test_the_page_shows_what_pings_said_as_text(client_of: ClientOf, heartbeat: Check) -> None:
    ping(heartbeat, "/fail", HOSTILE)

    page = client_of(Role.VIEWER).get(f"/checks/{heartbeat.uid}").text

    assert "Last pings" in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page
    assert "/ping/" not in page


def test_what_waits_for_pings_offers_no_run(client_of: ClientOf, heartbeat: Check) -> None:
    operator, name = client_of(Role.OPERATOR), heartbeat.entity.name
    ping(heartbeat, "/fail")
    for address in (f"/checks/{heartbeat.uid}", f"/entities/{name}"):
        page = operator.get(address).text
        assert "Waits for pings: nothing to run" in page
        assert "/run" not in page
    assert f"/entities/{name}/run" not in operator.get("/").text

    make_check("tcp", {"host": "10.1.2.3", "port": 1}, entity=heartbeat.entity)
    assert f"/entities/{name}/run" in operator.get(f"/entities/{name}").text
    assert f"/entities/{name}/run" in operator.get("/").text


def test_the_form_offers_the_kinds_for_what_users_run(client_of: ClientOf) -> None:
    Entity.objects.create(name="api", kind="service")
    page = client_of(Role.EDITOR).get("/new/check").text

    assert 'id="kind-platform"' not in page
    assert all(f'id="kind-{name}"' in page for name in KINDS.names() if name != "platform")

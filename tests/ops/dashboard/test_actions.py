"""Operator actions: who may, what is audited, what the page is told."""

import json
from collections.abc import Callable

import pytest
from django.test import Client

from core.models import AuditEntry
from core.permissions import Role
from ops.health.models import Check, PingKey
from tests.fleet import add_fleet
from tests.ops.health.factories import make_check

HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def check(db: None) -> Check:
    add_fleet()
    return Check.objects.get(entity__name="mailer")


def addresses(check: Check) -> list[str]:
    verbs = ("run", "pause", "resume")
    return [f"/checks/{check.uid}/{verb}" for verb in verbs] + [f"/entities/mailer/{verb}" for verb in verbs]


def test_a_viewer_sees_no_action_and_may_do_none(client_of: Callable[[Role], Client], check: Check) -> None:
    viewer = client_of(Role.VIEWER)

    for path in ("/", "/entities/mailer", f"/checks/{check.uid}"):
        content = viewer.get(path).content.decode()
        assert "hx-post" not in content
        assert "/edit" not in content
    assert [viewer.post(address, headers=HTMX).status_code for address in addresses(check)] == [403] * 6
    assert not AuditEntry.objects.filter(actor="user:viewer").exists()


def test_an_operator_runs_pauses_and_resumes_but_edits_nothing(
    client_of: Callable[[Role], Client], check: Check
) -> None:
    operator = client_of(Role.OPERATOR)

    responses = [operator.post(f"/checks/{check.uid}/{verb}", headers=HTMX) for verb in ("run", "pause", "resume")]

    assert [response.status_code for response in responses] == [204] * 3
    said = [json.loads(response["HX-Trigger"])["acted"]["message"] for response in responses]
    assert said == ["Running http", "Paused http", "Resumed http"]
    actions = AuditEntry.objects.filter(actor="user:operator").order_by("id").values_list("action", flat=True)
    assert list(actions) == ["check.run", "check.pause", "check.resume"]
    assert operator.get("/new/entity").status_code == 403


def test_an_action_on_an_entity_reaches_each_of_its_checks(client_of: Callable[[Role], Client], check: Check) -> None:
    operator = client_of(Role.OPERATOR)

    paused = operator.post("/entities/mailer/pause", headers=HTMX)

    assert json.loads(paused["HX-Trigger"])["acted"]["message"] == "Paused 1 check of mailer"
    assert Check.objects.get(pk=check.pk).paused
    assert operator.post("/entities/mailer/run", headers=HTMX).status_code == 409


def test_actions_are_posts(client_of: Callable[[Role], Client], check: Check) -> None:
    operator = client_of(Role.OPERATOR)

    assert {operator.get(address).status_code for address in addresses(check)} == {405}


def test_a_post_without_the_csrf_token_is_refused(check: Check, client_of: Callable[[Role], Client]) -> None:
    operator = client_of(Role.OPERATOR)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = operator.cookies

    assert strict.post(f"/checks/{check.uid}/pause").status_code == 403
    assert not Check.objects.get(pk=check.pk).paused


def test_without_scripts_an_action_leads_back(client_of: Callable[[Role], Client], check: Check) -> None:
    operator = client_of(Role.OPERATOR)
    address = f"/checks/{check.uid}/pause"

    inside = operator.post(address, headers={"Referer": "http://testserver/checks"})
    outside = operator.post(address, headers={"Referer": "https://evil.example.com/"})

    assert inside["Location"] == "http://testserver/checks"
    assert outside["Location"] == "/"


def test_the_first_ping_key_is_made_at_once_and_another_needs_the_name(
    client_of: Callable[[Role], Client], check: Check
) -> None:
    editor, path = client_of(Role.EDITOR), "/entities/mailer/ping-key"

    first = editor.post(path, headers=HTMX)
    key = PingKey.objects.get(entity__name="mailer").key
    refused = editor.post(path, {"confirm": "mail"}, headers=HTMX)
    assert PingKey.objects.get(entity__name="mailer").key == key
    renewed = editor.post(path, {"confirm": "mailer"}, headers=HTMX)

    assert [first.status_code, refused.status_code, renewed.status_code] == [204, 422, 204]
    assert refused.content == b"Type mailer to confirm"
    assert PingKey.objects.get(entity__name="mailer").key != key
    audited = AuditEntry.objects.filter(actor="user:editor", action__startswith="ping_key").order_by("id")
    assert list(audited.values_list("action", flat=True)) == ["ping_key.create", "ping_key.rotate"]
    assert client_of(Role.OPERATOR).post(path, headers=HTMX).status_code == 403


def test_a_heartbeat_offers_its_key_to_those_who_may_edit(client_of: Callable[[Role], Client], check: Check) -> None:
    uid = make_check("heartbeat", {"period": "60s", "grace": "10s"}, entity=check.entity).uid
    editor = client_of(Role.EDITOR)

    assert "Ping by name" in editor.get(f"/checks/{uid}").content.decode()
    editor.post("/entities/mailer/ping-key", headers=HTMX)
    page = editor.get(f"/checks/{uid}").content.decode()
    assert "New ping key" in page
    assert 'action="/entities/mailer/ping-key"' in page
    assert "ping-key" not in client_of(Role.OPERATOR).get(f"/checks/{uid}").content.decode()

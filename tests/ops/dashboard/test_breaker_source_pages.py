"""The form of a source of breakers: by kind, told at once what is wrong, tried, saved, changed and deleted."""

import re
from collections.abc import Callable

import pytest
from django.test import Client

from core.breaker.registry import own_storage
from core.models import AuditEntry
from core.permissions import Role
from core.secrets import open_sealed
from ops.breakers.models import BreakerSource
from tests.entities.catalogue import add_entity
from tests.ops.breakers.pages import resilience4j, run_program

type ClientOf = Callable[[Role], Client]

NEW = "/new/breaker-source"
SCRAPE = {
    "kind": "scrape", "entity": "shop", "name": "fleet", "url": "http://10.0.0.9:9102/metrics", "instance": "a",
    "metric": "resilience4j_circuitbreaker_state", "name_label": "name", "state_label": "state", "verify_tls": "on",
    "interval": "10s", "timeout": "5s",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _shop(db: None) -> None:
    own_storage()._client.flushdb()
    add_entity("shop")


@pytest.fixture
def client(client_of: ClientOf) -> Client:
    return client_of(Role.EDITOR)


def text(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


def test_a_source_is_added_changed_and_deleted_by_a_form(client: Client) -> None:
    assert 'id="kind-actuator"' in text(client, NEW)
    form = text(client, f"{NEW}?kind=scrape&entity=shop")
    assert 'value="shop"' in form
    assert 'name="name_label"' in form

    made = client.post(NEW, {**SCRAPE, "bearer_token": "hunter2"})
    assert (made.status_code, made["Location"]) == (302, "/entities/shop")
    source = BreakerSource.objects.get()
    assert (source.instance, source.interval_ms) == ("a", 10_000)
    assert open_sealed(source.config["bearer_token"]) == "hunter2"

    edit = text(client, f"/breaker-sources/{source.uid}/edit")
    assert "hunter2" not in edit
    stored = re.search(r'name="bearer_token"\s+value="([^"]+)"', edit)
    assert stored
    changed = {**SCRAPE, "editing": source.uid, "version": "1", "interval": "1m", "bearer_token": stored[1]}
    assert client.post(f"/breaker-sources/{source.uid}/edit", changed).status_code == 302
    source.refresh_from_db()
    assert (source.interval_ms, open_sealed(source.config["bearer_token"])) == (60_000, "hunter2")
    assert client.post(f"/breaker-sources/{source.uid}/edit", {**changed, "name": "other"}).status_code == 412

    assert client.post(f"/breaker-sources/{source.uid}/delete", {"confirm": "fle"}).status_code == 422
    assert client.post(f"/breaker-sources/{source.uid}/delete", {"confirm": "fleet"}).status_code == 302
    assert not BreakerSource.objects.exists()
    actions = AuditEntry.objects.filter(actor="user:editor").order_by("id").values_list("action", flat=True)
    assert list(actions) == ["breaker_source.create", "breaker_source.update", "breaker_source.delete"]


def test_an_empty_text_that_means_none_stays_empty(client: Client) -> None:
    mapped = {**SCRAPE, "metric": "cb", "state_label": "", "states": "1: open\r\n0: closed", "slow_metric": ""}
    assert client.post(NEW, mapped).status_code == 302
    source = BreakerSource.objects.get()
    assert (source.config["state_label"], source.config["slow_metric"]) == ("", "")

    refused = client.post(NEW, {**SCRAPE, "name": "other", "metric": ""})
    assert refused.status_code == 422
    assert BreakerSource.objects.count() == 1


def test_what_is_wrong_stands_beside_the_field_and_nothing_is_lost(client: Client, client_of: ClientOf) -> None:
    client.post(NEW, SCRAPE)
    refused = client.post(NEW, {**SCRAPE, "url": "http://169.254.169.254/", "interval": "soon", "instance": "mine"})
    html = refused.content.decode()
    assert refused.status_code == 422
    assert "The entity already has a breaker source of this name" in html
    assert html.count('aria-invalid="true"') >= 2
    assert 'value="mine"' in html
    assert '<details class="card form-section more" id="more" open>' in " ".join(html.split())
    assert "There is no entity" in client.post(f"{NEW}/field?field=entity", {**SCRAPE, "entity": "x"}).content.decode()

    other = client.post(f"{NEW}/kind", {**SCRAPE, "kind": "actuator"})
    assert 'name="control"' in other.content.decode()
    assert other["HX-Replace-Url"] == f"{NEW}?kind=actuator&entity=shop&name=fleet"
    for path in (NEW, f"{NEW}/try", f"{NEW}/field?field=name", f"{NEW}/kind"):
        assert client_of(Role.OPERATOR).post(path, {**SCRAPE, "name": "more"}).status_code == 403
    assert BreakerSource.objects.count() == 1


def test_a_trial_tells_what_one_look_saw_and_stores_nothing_but_the_audit(client: Client) -> None:
    with run_program(resilience4j(cards="open", mails="closed")) as program:
        html = client.post(f"{NEW}/try", {**SCRAPE, "url": program.url, "bearer_token": "hunter2"}).content.decode()
    assert "It tells of 2 breakers" in html
    assert "1 closed, 1 open" in html
    assert not BreakerSource.objects.exists()
    entry = AuditEntry.objects.get(action="breaker_source.try")
    assert (entry.target_name, "hunter2" in str(entry.after)) == ("shop/fleet", False)

    gone = client.post(f"{NEW}/try", {**SCRAPE, "url": program.url}).content.decode()
    assert "It cannot be read" in gone
    wrong = client.post(f"{NEW}/try", {**SCRAPE, "interval": "soon"}).content.decode()
    assert "Not tested" in wrong
    assert 'href="#f-interval"' in wrong


def test_a_source_is_tried_over_rest_too(client: Client, client_of: ClientOf) -> None:
    path = "/api/v1/breaker-sources/test"
    with run_program(resilience4j(cards="open", mails="closed")) as program:
        body = {"entity": "shop", "name": "fleet", "kind": "scrape", "url": program.url, "bearer_token": "hunter2"}
        answer = client.post(path, body, content_type="application/json").json()
    assert (answer["status"], answer["message"], answer["breakers"]) == ("healthy", "", 2)
    assert answer["states"] == {"closed": 1, "open": 1}
    assert sorted((seen["name"], seen["instance"], seen["state"]) for seen in answer["seen"]) == [
        ("cards", "", "open"),
        ("mails", "", "closed"),
    ]
    assert answer["duration_ms"] > 0
    assert not BreakerSource.objects.exists()
    entry = AuditEntry.objects.get(action="breaker_source.try")
    assert (entry.target_name, "hunter2" in str(entry.after)) == ("shop/fleet", False)

    gone = client.post(path, body, content_type="application/json").json()
    assert (gone["status"], gone["breakers"], gone["seen"]) == ("unhealthy", 0, [])
    assert gone["message"]
    masked = client.post(path, {**body, "bearer_token": "********"}, content_type="application/json")
    assert [error["field"] for error in masked.json()["errors"]] == ["bearer_token"]
    assert client.post(path, {**body, "entity": "no"}, content_type="application/json").status_code == 404
    assert client_of(Role.OPERATOR).post(path, body, content_type="application/json").status_code == 403


@pytest.mark.parametrize("path", ["/breakers", "/entities/shop"])
def test_editors_find_the_form_where_breakers_are(client: Client, client_of: ClientOf, path: str) -> None:
    assert NEW in text(client, path)
    assert NEW not in text(client_of(Role.VIEWER), path)


def test_an_entity_names_its_sources(client: Client, client_of: ClientOf) -> None:
    client.post(NEW, SCRAPE)
    address = f"/breaker-sources/{BreakerSource.objects.get().uid}/edit"
    assert f'href="{address}"' in text(client, "/entities/shop")
    viewer = text(client_of(Role.VIEWER), "/entities/shop")
    assert "Read from fleet" in " ".join(viewer.split())
    assert address not in viewer

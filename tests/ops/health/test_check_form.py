"""The forms of checks through the client: choosing a kind, errors at once, nothing lost, trying."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from core.models import AuditEntry
from core.permissions import Role
from entities.models import Entity
from ops.health.check_fields import check_fields
from ops.health.checks import KINDS, grpc
from ops.health.models import Check
from tests.ops.health.targets import answer, run_target

HTTP = {"entity": "api", "kind": "http", "name": "http", "url": "http://127.0.0.1:9001/", "interval": "30s"}
FIELD = "/new/check/field?field="


@pytest.fixture
def client(client_of: Callable[[Role], Client], make_entity: Callable[..., Entity]) -> Client:
    make_entity("api")
    return client_of(Role.EDITOR)


@pytest.fixture
def note(client: Client) -> Callable[..., str]:
    """What stands beside a field when the form says so."""

    def ask(field: str, **typed: str) -> str:
        return text_of(client.post(f"{FIELD}{field}", {**HTTP, **typed}))

    return ask


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", response.content.decode()).strip()


def test_the_picker_explains_every_kind_and_keeps_the_entity(client: Client) -> None:
    page = client.get("/new/check?entity=api").content.decode()

    assert "kind=platform" not in page  # its own entries have it already
    for kind in (kind for kind in KINDS if kind.name != "platform"):
        assert kind.Config.presentation.summary in page
        assert f"?kind={kind.name}&amp;entity=api" in page


def test_every_kind_says_what_it_and_its_fields_are_called() -> None:
    for kind in KINDS:
        presentation = kind.Config.presentation
        assert presentation.title, kind.name
        assert presentation.summary.endswith("."), kind.name
        assert [name for name, info in kind.Config.model_fields.items() if not info.title] == [], kind.name


def test_the_form_of_each_kind_starts_with_values_that_are_valid(client: Client) -> None:
    for kind in KINDS:
        typed = {field.name: field.value for field in check_fields(kind)}
        for field in check_fields(kind):
            if field.value:
                answer = client.post(f"{FIELD}{field.name}", {"entity": "api", "kind": kind.name, **typed})
                assert "field-error" not in answer.content.decode(), (kind.name, field.name)


def test_an_error_appears_beside_its_field_and_goes_when_it_is_mended(note: Callable[..., str]) -> None:
    assert "expected http:// or https://" in note("url", url="payments").lower()
    assert note("url") == ""
    assert "Required" in note("url", url="")
    assert "There is no entity" in note("entity", entity="nothing")
    assert "cloud metadata" in note("url", url="http://169.254.169.254/", name="")


def test_a_duration_is_said_as_people_say_it(note: Callable[..., str]) -> None:
    assert "1 minute 30 seconds" in note("interval", interval="1m30s")
    assert "must be 1 s to 24 h" in note("interval", interval="3d").lower()


def test_a_condition_is_marked_where_it_stops_making_sense(note: Callable[..., str]) -> None:
    shown = note("conditions", conditions="[STATUS] == 200\n[BODY].a == 1 and [STATU] == 2\n[STATU] == 200")

    assert "Line 3: unknown [STATU]" in shown
    assert "<mark>[STATU]</mark> == 200" in shown


def test_a_name_that_is_taken_is_told_before_saving(note: Callable[..., str], client: Client) -> None:
    assert client.post("/new/check", HTTP).status_code == 302

    assert "already has a check of this name" in note("name")


def test_all_errors_are_told_at_once_and_nothing_typed_is_lost(client: Client) -> None:
    response = client.post(
        "/new/check",
        {**HTTP, "entity": "nothing", "url": "payments", "interval": "soon", "body": "two\r\nlines", "verify_tls": ""},
    )
    page = response.content.decode()

    assert response.status_code == 422
    assert page.count('class="field-error"') == 3
    for typed in ('value="nothing"', 'value="payments"', 'value="soon"', "two\r\nlines"):
        assert typed in page
    assert not re.search(r'name="verify_tls"[^>]*checked', page)
    assert not Check.objects.exists()


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"basic_user": "ada"}, "basic_password"),
        ({"basic_password": "hush"}, "basic_user"),
        ({"bearer_token": "hüsh"}, "bearer_token"),
        ({"bearer_token": "hush", "headers": "Authorization: x"}, "bearer_token"),
    ],
)
def test_a_rule_over_several_fields_is_told_beside_the_one_to_mend(
    client: Client, typed: dict[str, str], field: str
) -> None:
    data = {"entity": "api", "kind": "http", "name": "it", "url": "http://10.1.2.3/", **typed}

    form = client.post("/new/check", data).context["form"]

    assert [wrong.name for wrong in form.wrong] == [field]
    assert not form.errors


def test_what_is_wrong_with_the_whole_stands_above_the_fields(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpc, "grpc", None)
    data = {"entity": "api", "kind": "grpc", "name": "it", "host": "10.1.2.3", "port": "1"}

    form = client.post("/new/check", data).context["form"]
    over_rest = client.post("/api/v1/checks", {**data, "port": 1}, content_type="application/json")

    assert not form.wrong
    assert [error.startswith("Checks of kind grpc need the extra") for error in form.errors] == [True]
    assert [error["field"] for error in over_rest.json()["errors"]] == [""]


def test_another_kind_takes_over_what_was_typed_and_stays_out_of_addresses(client: Client) -> None:
    response = client.post("/new/check/kind", {**HTTP, "kind": "tcp", "timeout": "7s"})

    assert 'value="7s"' in response.content.decode()
    assert response["HX-Replace-Url"] == "/new/check?kind=tcp&entity=api&name=http"


def test_an_edit_keeps_its_entity_and_refuses_an_older_version(client: Client) -> None:
    client.post("/new/check", HTTP)
    check = Check.objects.get()
    form = {**HTTP, "version": str(check.version), "verify_tls": "on"}

    assert client.post(f"/checks/{check.uid}/edit", {**form, "interval": "45s"}).status_code == 302
    check.refresh_from_db()
    assert check.interval_ms == 45_000
    stale = client.post(f"/checks/{check.uid}/edit", {**form, "interval": "50s"})
    assert stale.status_code == 412
    page = text_of(stale)
    assert 'value="50s"' in page
    assert re.search(r'by editor <time.*?href="#f-interval">[^<]+</a></dt> <dd><span class="stale-value">45s', page)
    assert page.count('class="stale-value"') == 1

    again = client.post(f"/checks/{check.uid}/edit", {**form, "interval": "50s"})
    assert again.status_code == 412  # Save once more is not enough
    over = re.search(r'name="over" value="(\d+)"', page)
    assert over
    client.post(f"/checks/{check.uid}/edit", {**form, "version": "2", "interval": "55s"})
    assert client.post(f"/checks/{check.uid}/edit", {**form, "interval": "50s", "over": over[1]}).status_code == 412
    assert client.post(f"/checks/{check.uid}/edit", {**form, "interval": "50s", "over": "3"}).status_code == 302
    check.refresh_from_db()
    assert check.interval_ms == 50_000


@pytest.mark.parametrize("version", ["abc", ""])
def test_an_edit_without_a_version_that_can_be_read_is_stale(client: Client, version: str) -> None:
    client.post("/new/check", HTTP)
    check = Check.objects.get()
    form = {**HTTP, "version": version, "verify_tls": "on", "interval": "45s"}

    stale = client.post(f"/checks/{check.uid}/edit", form)

    assert stale.status_code == 412
    assert 'name="over" value="1"' in text_of(stale)
    assert client.post(f"/checks/{check.uid}/edit", {**form, "version": "1", "over": "x"}).status_code == 412
    assert client.post(f"/checks/{check.uid}/edit", {**form, "over": "1"}).status_code == 302


def test_a_header_that_would_be_lost_is_told_with_its_line(client: Client) -> None:
    lines = "Authorization\r\nX-A: a\r\nX-A: b\r\nX-Empty:"
    told = "Line 1: expected a name, a colon and a value; Line 3: 'X-A' stands in line 2 already"

    refused = client.post("/new/check", {**HTTP, "headers": lines})

    assert refused.status_code == 422
    assert (refused.context["form"]["headers"].error, refused.context["form"]["headers"].value) == (told, lines)
    assert not Check.objects.exists()
    assert client.post("/new/check", {**HTTP, "headers": "X-A: a\r\nX-Empty:"}).status_code == 302
    assert Check.objects.get().config["headers"] == {"X-A": "a", "X-Empty": ""}


def test_a_stale_edit_tells_no_secret(client: Client) -> None:
    client.post("/new/check", HTTP)
    check = Check.objects.get()
    form = {**HTTP, "version": "1", "verify_tls": "on"}
    assert client.post(f"/checks/{check.uid}/edit", {**form, "bearer_token": "hunter2"}).status_code == 302

    page = text_of(client.post(f"/checks/{check.uid}/edit", {**form, "interval": "50s"}))

    assert "another secret" in page
    assert "hunter2" not in page


def test_a_trial_shows_what_came_of_it_and_saves_nothing(client: Client) -> None:
    with run_target(answer("503 Service Unavailable", b"<b>busy</b>")) as target:
        response = client.post("/new/check/try", {**HTTP, "url": target.url, "conditions": "[STATUS] == 200"})
    page = response.content.decode()

    assert "[STATUS] (503) == 200" in page
    assert "A test has" not in page  # it had time enough
    assert "&lt;b&gt;busy&lt;/b&gt;" in page
    assert 'data-status="unhealthy"' in page
    assert not Check.objects.exists()
    assert AuditEntry.objects.filter(action="check.try", target_name="api/http").exists()


def test_a_trial_needs_no_name(client: Client) -> None:
    client.post("/new/check", {**HTTP, "name": "unnamed"})
    with run_target(answer("200 OK", b"fine")) as target:
        page = text_of(client.post("/new/check/try", {**HTTP, "name": "", "url": target.url}))

    assert "[STATUS] (200)" in page
    assert 'href="#f-name"' not in page
    assert AuditEntry.objects.filter(action="check.try", target_name="api/unnamed").exists()
    assert 'href="#f-name"' in text_of(client.post("/new/check/try", {**HTTP, "name": "no name"}))


def test_a_trial_of_a_wrong_form_names_the_fields_and_sends_nothing(client: Client) -> None:
    response = client.post("/new/check/try", {**HTTP, "entity": "", "url": "payments"})
    page = response.content.decode()

    assert 'href="#f-entity">Entity</a>' in page
    assert 'href="#f-url">Address</a>' in page
    assert not AuditEntry.objects.filter(action="check.try").exists()


def test_those_who_may_not_edit_may_not_try(client_of: Callable[[Role], Client]) -> None:
    for path in ("/new/check/try", f"{FIELD}url", "/new/check/kind"):
        assert client_of(Role.OPERATOR).post(path, HTTP).status_code == 403


def test_the_api_tries_a_check_too(client: Client) -> None:
    with run_target(answer("200 OK", b"fine")) as target:
        body = {"entity": "api", "name": "http", "kind": "http", "url": target.url}
        response = client.post("/api/v1/checks/test", body, content_type="application/json")

    trial = response.json()
    assert (trial["outcome"], trial["values"]["BODY"]) == ("healthy", "fine")
    assert trial["conditions"][0]["shown"] == "[STATUS] (200) >= 200"

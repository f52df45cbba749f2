"""Checks over REST."""

import json
from collections.abc import Callable
from threading import Event
from typing import Any

import pytest
from celery import current_app
from django.http import HttpResponse
from django.test import Client

from core.clock import from_ms, now_ms
from core.models import AuditEntry
from core.permissions import Role
from entities.models import Entity
from ops.health import wakeup
from ops.health.models import Check, CheckResult, CheckState, Heartbeat, ResultDetail
from ops.signals.domain import Status

pytestmark = pytest.mark.django_db

CHECKS = "/api/v1/checks"
HTTP: dict[str, Any] = {
    "entity": "api", "name": "http", "kind": "http", "url": "http://127.0.0.1:9001/health", "interval": "30s",
    "timeout": "5s", "conditions": ["[STATUS] == 200", "[BODY].status == ok"], "degraded_above": "300ms",
    "failure_threshold": 2, "success_threshold": 1,
}  # fmt: skip

type Send = Callable[..., HttpResponse]


@pytest.fixture
def api(make_entity: Callable[..., Entity]) -> Entity:
    return make_entity("api")


@pytest.fixture
def send_as(client_of: Callable[[Role], Client]) -> Callable[[Role], Send]:
    def sender(role: Role) -> Send:
        client = client_of(role)

        def send(method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
            data = body if isinstance(body, bytes) else (b"" if body is None else json.dumps(body).encode())
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return client.generic(  # type: ignore[return-value]
                method, path, data, content_type="application/json", headers=named
            )

        return send

    return sender


@pytest.fixture
def send(send_as: Callable[[Role], Send]) -> Send:
    return send_as(Role.EDITOR)


@pytest.fixture
def wake_ups(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    sent: list[str] = []
    monkeypatch.setattr(wakeup, "_send_beside", lambda: sent.append(wakeup.TASK))
    return sent


def read(response: HttpResponse) -> Any:
    return json.loads(response.content)


def problem(response: HttpResponse, status: int) -> dict[str, str]:
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    return {error["field"]: error["message"] for error in read(response)["errors"]}


def create(send: Send, **fields: Any) -> Any:
    body = {**HTTP, **fields} if "kind" not in fields else {"entity": "api", **fields}
    response = send("POST", CHECKS, body)
    assert response.status_code == 201, response.content
    return read(response)


def test_a_check_is_created_and_shown_as_it_was_written(send: Send, api: Entity) -> None:
    created = send("POST", CHECKS, HTTP)

    body = read(created)
    assert created.status_code == 201
    assert created["Location"] == f"{CHECKS}/{body['id']}"
    assert {key: body[key] for key in HTTP} == HTTP
    assert (body["entity_id"], body["status"], body["reason"]) == (api.uid, "unknown", "no result yet")
    assert (body["last_result"], body["ping_url"], body["version"]) == (None, None, 1)
    shown = send("GET", f"{CHECKS}/{body['id']}")
    assert read(shown) == body
    assert send("GET", f"{CHECKS}/{body['id']}", If_None_Match=shown["ETag"]).status_code == 304


def test_an_entity_is_addressed_by_id_as_well(send: Send, api: Entity) -> None:
    assert create(send, entity=api.uid)["entity"] == "api"


def test_a_heartbeat_shows_its_ping_address_to_editors(
    send: Send, send_as: Callable[[Role], Send], api: Entity
) -> None:
    body = create(send, kind="heartbeat", name="nightly", period="24h", grace="1h")

    assert body["ping_url"] == f"http://testserver/ping/{Heartbeat.objects.get().ping_id}"
    assert body["period"] == "24h"
    assert read(send_as(Role.VIEWER)("GET", f"{CHECKS}/{body['id']}"))["ping_url"] is None


def test_what_may_be_secret_is_shown_to_editors_alone(send: Send, send_as: Callable[[Role], Send], api: Entity) -> None:
    secrets = {"headers": {"X-Tenant": "hush"}, "body": "hush", "url": "http://127.0.0.1:9001/health?k=hush"}
    body = create(send, method="POST", **secrets)

    assert {name: body[name] for name in secrets} == secrets
    page = send_as(Role.VIEWER)("GET", f"/checks/{body['id']}").content.decode()
    assert "k=[redacted]" in page
    assert "hush" not in page
    assert "hush" not in send_as(Role.OPERATOR)("GET", f"{CHECKS}/{body['id']}").content.decode()
    assert "hush" not in send_as(Role.VIEWER)("GET", CHECKS).content.decode()


def test_a_patch_sets_the_given_fields(send: Send, api: Entity, wake_ups: list[str]) -> None:
    body = create(send)

    patched = read(send("PATCH", f"{CHECKS}/{body['id']}", {"timeout": "3s", "degraded_above": None, "entity": "api"}))

    assert (patched["timeout"], patched["degraded_above"], patched["interval"]) == ("3s", None, "30s")
    assert patched["version"] == 2


def test_a_put_replaces_everything(send: Send, api: Entity, wake_ups: list[str]) -> None:
    body = create(send)
    rest = {key: HTTP[key] for key in ("name", "kind", "url")}

    replaced = read(send("PUT", f"{CHECKS}/{body['id']}", rest))

    assert (replaced["interval"], replaced["conditions"], replaced["failure_threshold"]) == ("1m", [], 1)


def test_a_check_stays_with_its_entity(send: Send, api: Entity, make_entity: Callable[..., Entity]) -> None:
    make_entity("web")
    body = create(send)

    assert "entity" in problem(send("PATCH", f"{CHECKS}/{body['id']}", {"entity": "web"}), 422)


def test_the_tag_guards_against_lost_updates(send: Send, api: Entity, wake_ups: list[str]) -> None:
    body = create(send)
    address = f"{CHECKS}/{body['id']}"
    tag = send("GET", address)["ETag"]
    CheckState.objects.update(status=Status.HEALTHY, fresh_until_ms=now_ms() + 60_000)

    assert send("PATCH", address, {"timeout": "3s"}, If_Match=tag).status_code == 200
    problem(send("PATCH", address, {"timeout": "4s"}, If_Match=tag), 412)
    problem(send("PUT", address, {**HTTP}, If_Match=tag), 412)
    problem(send("DELETE", address, If_Match=tag), 412)
    assert Check.objects.get().timeout_ms == 3_000


def test_a_deleted_check_is_gone(send: Send, api: Entity) -> None:
    address = f"{CHECKS}/{create(send)['id']}"

    assert send("DELETE", address).status_code == 204
    for method in ("GET", "PATCH", "PUT", "DELETE"):
        problem(send(method, address, HTTP if method != "GET" else None), 404)


def test_a_post_sent_twice_creates_once(send: Send, api: Entity) -> None:
    first = send("POST", CHECKS, HTTP, Idempotency_Key="once")
    second = send("POST", CHECKS, HTTP, Idempotency_Key="once")

    assert (first.status_code, second.content) == (201, first.content)
    assert Check.objects.count() == 1
    problem(send("POST", CHECKS, HTTP), 409)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"url": "gopher://x"}, "url"), ({"interval": "0s"}, "interval"), ({"interval": 1e308}, "interval"),
        ({"interval": [1]}, "interval"), ({"timeout": "2m"}, "timeout"), ({"kind": "smoke"}, "kind"),
        ({"kind": {}}, "kind"), ({"failure_threshold": 10**30}, "failure_threshold"), ({"name": "A b"}, "name"),
        ({"conditions": ["[STATUS] =="]}, "conditions.0"), ({"conditions": ["[NOPE] == 1"]}, "conditions.0"),
        ({"conditions": {"a": 1}}, "conditions"), ({"colour": 1}, "colour"), ({"name": None}, "name"),
        ({"headers": {"X": "a\r\nB: c"}}, "headers"), ({"url": "http://169.254.169.254/"}, "target"),
        ({"url": "http://127.0.0.1:99999/"}, "url"), ({"name": "a\0"}, "name"),
        ({"headers": {"a\0": "x"}}, "headers.a?"), ({"headers": {"X-Name": "caf\xe9"}}, "headers"),
        ({"paused": "no"}, "paused"), ({"entity": 5}, "entity"), ({"entity": None}, "entity"),
    ],
)  # fmt: skip
def test_bad_input_is_named_and_changes_nothing(send: Send, api: Entity, change: Any, field: str) -> None:
    assert field in problem(send("POST", CHECKS, {**HTTP, **change}), 422)
    assert not Check.objects.exists()
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b'{"name": NaN}', b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_object_is_a_problem(send: Send, api: Entity, body: bytes) -> None:
    response = send("POST", CHECKS, body)

    assert response.status_code in {400, 422}
    assert response["Content-Type"] == "application/problem+json"


def test_a_body_that_is_nested_too_deeply_is_refused(send: Send, api: Entity) -> None:
    deep: Any = "x"
    for _ in range(60):
        deep = {"a": deep}

    problem(send("POST", CHECKS, {**HTTP, "headers": deep}), 422)


def test_an_entity_that_does_not_exist_is_not_found(send: Send, db: None) -> None:
    problem(send("POST", CHECKS, HTTP), 404)
    problem(send("GET", "/api/v1/entities/nobody/checks"), 404)
    problem(send("GET", "/api/v1/entities/nobody/timeline"), 404)


@pytest.mark.parametrize("path", ["chk_none", "%00", "a" * 300])
def test_a_check_that_does_not_exist_is_not_found(send: Send, path: str) -> None:
    for rest in ("", "/results"):
        problem(send("GET", f"{CHECKS}/{path}{rest}"), 404)
    for action in ("run", "pause", "resume"):
        problem(send("POST", f"{CHECKS}/{path}/{action}"), 404)


def test_the_list_is_filtered_and_paged(send: Send, api: Entity, make_entity: Callable[..., Entity]) -> None:
    make_entity("web", labels={"region": "eu"})
    for entity, name in (("api", "a"), ("api", "b"), ("web", "c")):
        create(send, entity=entity, name=name)
    create(send, entity="web", name="port", kind="tcp", host="127.0.0.1", port=80, paused=True)

    def names(query: str) -> list[str]:
        return [item["name"] for item in read(send("GET", f"{CHECKS}?{query}"))["items"]]

    assert names("entity=web") == ["c", "port"]
    assert names(f"entity={api.uid}") == ["a", "b"]
    assert names("entity=nobody") == []
    assert names("kind=tcp") == names("status=paused") == ["port"]
    assert names("label=region:eu&sort=-name") == ["port", "c"]
    assert names("q=we") == ["c", "port"]
    first = read(send("GET", f"{CHECKS}?sort=name&limit=3"))
    assert [item["name"] for item in first["items"]] == ["a", "b", "c"]
    assert first["has_more"]
    assert names(f"sort=name&limit=3&cursor={first['next_cursor']}") == ["port"]
    assert [item["name"] for item in read(send("GET", "/api/v1/entities/web/checks"))["items"]] == ["c", "port"]


@pytest.mark.parametrize(
    "query",
    ["status=sick", "sort=colour", "cursor=x", "limit=0", "limit=501", "limit=x", "q=%00", "entity=%00", "label=eu",
     "label=a%00:b", "colour=red", "team=%00", "kind=%00"],
)  # fmt: skip
def test_a_bad_query_is_refused(send: Send, query: str) -> None:
    problem(send("GET", f"{CHECKS}?{query}"), 422)


def test_run_now_makes_it_due_and_wakes_the_engine(
    send: Send, api: Entity, wake_ups: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    check = create(send)
    with django_capture_on_commit_callbacks(execute=True):
        response = send("POST", f"{CHECKS}/{check['id']}/run")

    assert response.status_code == 202
    assert (CheckState.objects.get().next_due_ms or 0) <= now_ms()
    assert wake_ups == ["health.run_due_checks"]
    assert AuditEntry.objects.filter(action="check.run", actor="user:editor").count() == 1


def test_pause_and_resume(send_as: Callable[[Role], Send], send: Send, api: Entity, wake_ups: list[str]) -> None:
    address = f"{CHECKS}/{create(send)['id']}"
    operator = send_as(Role.OPERATOR)

    paused = read(operator("POST", f"{address}/pause"))
    assert (paused["paused"], paused["status"], paused["next_due_at"]) == (True, "paused", None)
    problem(operator("POST", f"{address}/run"), 409)
    resumed = read(operator("POST", f"{address}/resume"))
    assert (resumed["paused"], resumed["status"]) == (False, "unknown")


def test_roles_are_held_to(send_as: Callable[[Role], Send], send: Send, api: Entity) -> None:
    address = f"{CHECKS}/{create(send)['id']}"
    for action in ("run", "pause", "resume"):
        problem(send_as(Role.VIEWER)("POST", f"{address}/{action}"), 403)
    problem(send_as(Role.OPERATOR)("POST", CHECKS, HTTP), 403)
    problem(send_as(Role.OPERATOR)("PATCH", address, {"timeout": "1s"}), 403)
    problem(send_as(Role.OPERATOR)("DELETE", address), 403)
    problem(Client().get(address), 401)  # type: ignore[arg-type]


def test_results_are_listed_newest_first_within_bounds(send: Send, api: Entity) -> None:
    check = create(send)
    pk = Check.objects.get().pk
    slots = [now_ms() - 60_000 + number * 1000 for number in range(5)]
    for slot in slots:
        CheckResult.objects.create(check_id=pk, slot_ms=slot, late_ms=7, duration_us=2500, outcome=Status.UNHEALTHY)
    ResultDetail.objects.create(check_id=pk, slot_ms=slots[4], message="connection refused")
    address = f"{CHECKS}/{check['id']}/results"

    first = read(send("GET", f"{address}?limit=2"))
    rest = read(send("GET", f"{address}?limit=3&cursor={first['next_cursor']}"))
    since, until = (from_ms(slots[number]).isoformat().replace("+00:00", "Z") for number in (1, 3))

    assert [item["message"] for item in first["items"]] == ["connection refused", ""]
    assert (first["items"][0]["outcome"], first["items"][0]["duration_ms"]) == ("unhealthy", 2.5)
    assert (len(rest["items"]), rest["has_more"]) == (3, False)
    assert len(read(send("GET", f"{address}?since={since}&until={until}"))["items"]) == 2
    for query in (
        "since=yesterday",
        "until=2026-01-01T00:00:00",
        "cursor=x",
        "before=1",
        "since=9999-12-31T23:59:59Z&limit=0",
    ):
        problem(send("GET", f"{address}?{query}"), 422)


def test_the_timeline_tells_what_was_done(send: Send, api: Entity, wake_ups: list[str]) -> None:
    check = create(send)
    send("POST", f"{CHECKS}/{check['id']}/pause")

    page = read(send("GET", "/api/v1/entities/api/timeline?limit=1"))
    rest = read(send("GET", f"/api/v1/entities/api/timeline?cursor={page['next_cursor']}"))

    assert [(item["kind"], item["subject"], item["message"]) for item in page["items"]] == [
        ("check.pause", "http", "by user:editor")
    ]
    assert [item["kind"] for item in rest["items"]] == ["check.create"]
    problem(send("GET", "/api/v1/entities/api/timeline?cursor=x"), 422)


def test_the_verdict_names_the_loudest_status(send: Send, api: Entity) -> None:
    create(send)
    CheckState.objects.update(status=Status.UNHEALTHY, fresh_until_ms=now_ms() + 60_000)

    body = read(send("GET", "/api/v1/status"))

    assert (body["status"], body["total"], body["counts"]["unhealthy"], body["counts"]["healthy"]) == (
        "unhealthy", 1, 1, 0
    )  # fmt: skip


def test_an_entity_carries_the_reason_of_its_status(send: Send, api: Entity) -> None:
    create(send)
    CheckState.objects.update(
        status=Status.UNHEALTHY, fresh_until_ms=now_ms() + 60_000, last_message="connection refused"
    )

    body = read(send("GET", "/api/v1/entities/api"))

    assert body["status"] == "unhealthy"
    assert [(item["name"], item["message"]) for item in body["reasons"]] == [("http", "connection refused")]


def test_a_broker_that_is_down_does_not_delay_the_request(
    send: Send, api: Entity, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    asked, release = Event(), Event()

    def hang(*_args: Any, **_kwargs: Any) -> None:
        asked.set()
        release.wait(10)
        raise OSError("broker is gone")

    monkeypatch.setattr(current_app, "send_task", hang)
    check = create(send)
    try:
        for _ in range(2):
            with django_capture_on_commit_callbacks(execute=True):
                assert send("POST", f"{CHECKS}/{check['id']}/run").status_code == 202
        assert asked.wait(30)
        assert not release.is_set()
    finally:
        release.set()

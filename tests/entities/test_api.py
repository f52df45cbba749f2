"""The catalogue over HTTP."""

import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client

from core.authentication import hash_token
from core.models import ApiToken, AuditEntry
from core.permissions import Role
from entities.models import Entity
from tests.entities.catalogue import add_entity

pytestmark = pytest.mark.django_db

ENTITIES = "/api/v1/entities"


class Program:
    """A client with a bearer token."""

    def __init__(self, role: Role) -> None:
        secret = f"qd_{role}"
        ApiToken.objects.get_or_create(name=role.value, role=role.value, digest=hash_token(secret))
        self._client = Client(headers={"Authorization": f"Bearer {secret}"})

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
        data = body if isinstance(body, bytes) else (b"" if body is None else json.dumps(body).encode())
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._client.generic(  # type: ignore[return-value]
            method, path, data, content_type="application/json", headers=named
        )


@pytest.fixture
def program(db: None) -> Program:
    return Program(Role.EDITOR)


def read(response: HttpResponse) -> Any:
    return json.loads(response.content)


def problem(response: HttpResponse, status: int) -> Any:
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    return read(response)


def test_an_entity_is_created_and_shown(program: Program) -> None:
    created = program.send("POST", ENTITIES, {"name": "api", "kind": "service", "team": "pay", "labels": {"r": "eu"}})

    assert created.status_code == 201
    body = read(created)
    assert created["Location"] == f"{ENTITIES}/{body['id']}"
    shown = program.send("GET", f"{ENTITIES}/api")
    assert read(shown) == body
    assert shown["ETag"] == created["ETag"]
    assert (body["status"], body["status_since"], body["reasons"], body["caused_by"]) == ("unknown", None, [], [])
    assert (body["team"], body["tier"], body["lifecycle"], body["version"]) == ("pay", 3, "active", 1)
    assert AuditEntry.objects.get(action="entity.create").actor == "token:editor"


def test_a_list_is_filtered_and_paged(program: Program) -> None:
    for number in range(5):
        add_entity(f"e{number}", tier=1 + number % 2, labels={"parity": "odd" if number % 2 else "even"})

    first = read(program.send("GET", f"{ENTITIES}?label=parity:even&limit=2&sort=-name"))
    second = read(program.send("GET", f"{ENTITIES}?label=parity=even&limit=2&sort=-name&cursor={first['next_cursor']}"))

    assert [item["name"] for item in first["items"]] == ["e4", "e2"]
    assert first["has_more"] is True
    assert [item["name"] for item in second["items"]] == ["e0"]
    assert (second["next_cursor"], second["has_more"]) == (None, False)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=99999999999999999999999", "limit"),
        ("limit=x", "limit"),
        ("sort=password", "sort"),
        ("cursor=abc", "cursor"),
        ("cursor=%00", "cursor"),
        ("kind=house", "kind"),
        ("status=fine", "status"),
        ("label=region", "label"),
        ("q=%00", "q"),
        ("team=%00", "team"),
        ("knid=service", "knid"),
        ("q=" + "x" * 201, "q"),
    ],
)
def test_a_bad_query_is_refused_by_field(program: Program, query: str, field: str) -> None:
    body = problem(program.send("GET", f"{ENTITIES}?{query}"), 422)

    assert [error["field"].split(".")[0] for error in body["errors"]] == [field]


def test_a_patch_sets_the_given_fields(program: Program) -> None:
    add_entity("api", title="API", labels={"a": "b"})

    body = read(program.send("PATCH", f"{ENTITIES}/api", {"tier": 1, "labels": {"c": "d"}}))

    assert (body["tier"], body["labels"], body["title"], body["version"]) == (1, {"c": "d"}, "API", 2)


def test_a_put_replaces_everything(program: Program) -> None:
    add_entity("api", title="API", labels={"a": "b"})

    body = read(program.send("PUT", f"{ENTITIES}/api", {"name": "api", "kind": "job"}))

    assert (body["kind"], body["labels"], body["title"], body["version"]) == ("job", {}, "", 2)
    problem(program.send("PUT", f"{ENTITIES}/nope", {"name": "nope", "kind": "job"}), 404)


def test_the_tag_guards_against_lost_updates(program: Program) -> None:
    add_entity("api")
    tag = program.send("GET", f"{ENTITIES}/api")["ETag"]

    assert program.send("PATCH", f"{ENTITIES}/api", {"tier": 1}, If_Match=tag).status_code == 200
    for method, path, body in (
        ("PATCH", f"{ENTITIES}/api", {"tier": 2}),
        ("PUT", f"{ENTITIES}/api", {"name": "api", "kind": "job"}),
        ("PUT", f"{ENTITIES}/api/dependencies", {"depends_on": []}),
        ("DELETE", f"{ENTITIES}/api", None),
    ):
        assert problem(program.send(method, path, body, If_Match=tag), 412)["code"] == "stale_version"

    assert Entity.objects.get().tier == 1
    assert program.send("PATCH", f"{ENTITIES}/api", {"tier": 2}, If_Match='"2"').status_code == 200
    assert program.send("DELETE", f"{ENTITIES}/api", If_Match="*").status_code == 204


@pytest.mark.parametrize(
    ("header", "status"),
    [('"other"', 412), ('W/"1"', 412), ("1", 422), ('"1", "2"', 422), ('"' + "9" * 5000 + '"', 412)],
)
def test_a_bad_if_match_changes_nothing(program: Program, header: str, status: int) -> None:
    add_entity("api")

    problem(program.send("PATCH", f"{ENTITIES}/api", {"tier": 1}, If_Match=header), status)

    assert Entity.objects.get().version == 1


def test_an_unchanged_entity_is_not_sent_again(program: Program) -> None:
    add_entity("api")
    tag = program.send("GET", f"{ENTITIES}/api")["ETag"]

    again = program.send("GET", f"{ENTITIES}/api", If_None_Match=tag)

    assert (again.status_code, again.content, again["ETag"]) == (304, b"", tag)
    program.send("PATCH", f"{ENTITIES}/api", {"tier": 1})
    assert program.send("GET", f"{ENTITIES}/api", If_None_Match=tag).status_code == 200


def test_dependencies_are_set_and_shown(program: Program) -> None:
    add_entity("db")
    add_entity("mail")
    add_entity("api")

    wanted = {"depends_on": ["db", {"name": "mail", "strength": "soft"}]}
    body = read(program.send("PUT", f"{ENTITIES}/api/dependencies", wanted))

    assert [(item["name"], item["strength"], item["status"]) for item in body["depends_on"]] == [
        ("db", "hard", "unknown"),
        ("mail", "soft", "unknown"),
    ]
    assert [item["name"] for item in read(program.send("GET", f"{ENTITIES}/db/dependencies"))["dependants"]] == ["api"]
    cycle = problem(program.send("PUT", f"{ENTITIES}/db/dependencies", {"depends_on": ["api"]}), 422)
    assert "api -> db -> api" in cycle["detail"]
    needed = problem(program.send("DELETE", f"{ENTITIES}/db"), 409)
    assert (needed["code"], needed["detail"]) == ("has_dependencies", "db is needed by api")


def test_a_taken_name_is_a_conflict(program: Program) -> None:
    add_entity("api")

    body = problem(program.send("POST", ENTITIES, {"name": "api", "kind": "service"}), 409)

    assert body["errors"] == [{"field": "name", "message": "is already taken"}]


def test_teams_are_paged_by_name(program: Program) -> None:
    for name in ("c", "a", "b"):
        program.send("POST", "/api/v1/teams", {"name": name})

    first = read(program.send("GET", "/api/v1/teams?limit=2"))
    rest = read(program.send("GET", f"/api/v1/teams?limit=2&cursor={first['next_cursor']}"))

    assert ([team["name"] for team in first["items"]], first["has_more"]) == (["a", "b"], True)
    assert ([team["name"] for team in rest["items"]], rest["has_more"], rest["next_cursor"]) == (["c"], False, None)
    for query in ("limit=0", "limit=501", "cursor=x", "page=2"):
        problem(program.send("GET", f"/api/v1/teams?{query}"), 422)


def test_teams_are_created_edited_and_deleted(program: Program) -> None:
    created = program.send("POST", "/api/v1/teams", {"name": "pay", "title": "Payments"})
    assert (created.status_code, created["Location"]) == (201, "/api/v1/teams/pay")
    problem(program.send("POST", "/api/v1/teams", {"name": "pay"}), 409)

    assert read(program.send("PATCH", "/api/v1/teams/pay", {"name": "payments"})) == {
        "name": "payments",
        "title": "Payments",
        "version": 2,
        "entities": 0,
    }
    add_entity("api", team="payments")
    assert problem(program.send("DELETE", "/api/v1/teams/payments"), 409)["detail"].endswith("api")
    program.send("PATCH", f"{ENTITIES}/api", {"team": None})
    assert program.send("DELETE", "/api/v1/teams/payments").status_code == 204
    assert read(program.send("GET", "/api/v1/teams"))["items"] == []


def test_an_edit_of_a_team_over_somebody_elses_is_refused(program: Program) -> None:
    tag = program.send("POST", "/api/v1/teams", {"name": "pay"})["ETag"]
    add_entity("api", team="pay")  # what is shown changes, what is edited does not

    assert program.send("PATCH", "/api/v1/teams/pay", {"title": "Pay"}, If_Match=tag).status_code == 200
    for method, body in (("PATCH", {"title": "Mine"}), ("PUT", {"name": "pay", "title": "Mine"}), ("DELETE", None)):
        problem(program.send(method, "/api/v1/teams/pay", body, If_Match=tag), 412)
    team = program.send("GET", "/api/v1/teams/pay")
    assert (read(team)["title"], read(team)["version"]) == ("Pay", 2)
    assert program.send("GET", "/api/v1/teams/pay", If_None_Match=team["ETag"]).status_code == 304


VALID = '{"name": "api", "kind": "service", %s}'


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"", 422, None),
        (b"{", 400, None),
        (b"[]", 422, ""),
        (b'"x"', 422, ""),
        (b"null", 422, ""),
        (b"\xff\xfe", 400, None),
        (b'{"name": "\xff"}', 400, None),
        (VALID % '"tier": NaN', 400, None),
        (VALID % '"title": "\\ud800"', 400, None),
        (VALID % '"title": "a\\u0000b"', 422, "title"),
        (VALID % '"labels": {"a": "\\u0000"}', 422, "labels.a"),
        (VALID % '"title": "pay\\u202ements"', 422, "title"),
        (VALID % '"title": "two\\nlines"', 422, "title"),
        (VALID % '"tier": 10000000000000000000000000000', 422, "tier"),
        (VALID % '"tier": true', 422, "tier"),
        (VALID % '"tier": "1"', 422, "tier"),
        (VALID % '"tier": 5', 422, "tier"),
        (VALID % '"labels": []', 422, "labels"),
        (VALID % '"labels": {"1": "x"}', 422, "labels.1.[key]"),
        (VALID % '"labels": {"a": 1}', 422, "labels.a"),
        (VALID % '"links": {"runbook": "javascript:alert(1)"}', 422, "links.runbook"),
        (VALID % '"links": {"runbook": "https://u:p@example.org/"}', 422, "links.runbook"),
        (VALID % '"links": {"runbook": "http://[::1"}', 422, "links.runbook"),
        (VALID % '"depends_on": "db"', 422, "depends_on"),
        (VALID % '"depends_on": [1]', 422, "depends_on.0"),
        (VALID % '"depends_on": ["api"]', 422, "depends_on.0"),
        (VALID % '"depends_on": ["x", "x"]', 422, "depends_on"),
        (VALID % '"colour": "red"', 422, "colour"),
        (VALID % f'"title": {"[" * 100}{"]" * 100}', 422, ""),
        (VALID % f'"title": {"[" * 5000}{"]" * 5000}', 400, None),
        (VALID % f'"description": "{"x" * 4001}"', 422, "description"),
        ('{"name": "Not A Name", "kind": "service"}', 422, "name"),
        ('{"name": "api", "kind": "house"}', 422, "kind"),
        ('{"kind": "service"}', 422, "name"),
    ],
)
def test_bad_input_is_a_problem_and_changes_nothing(
    program: Program, body: str | bytes, status: int, field: str | None
) -> None:
    data = body if isinstance(body, bytes) else body.encode()

    answer = problem(program.send("POST", ENTITIES, data), status)

    if field is not None:
        assert [error["field"] for error in answer["errors"]] == [field]
    assert not Entity.objects.exists()
    assert not AuditEntry.objects.exists()


def test_a_patch_must_not_empty_what_is_required(program: Program) -> None:
    add_entity("api")

    for body in ({"name": ""}, {"name": None}, {"kind": None}, {"tier": None}, {"labels": None}):
        problem(program.send("PATCH", f"{ENTITIES}/api", body), 422)

    assert Entity.objects.get().version == 1


@pytest.mark.parametrize("ref", ["nope", "%00", "a%2Fb", "%F0%28", "ent_" + "0" * 32, "x" * 3000])
def test_a_reference_to_nothing_is_not_found(program: Program, ref: str) -> None:
    for method, body in (("GET", None), ("PATCH", {"tier": 1}), ("DELETE", None)):
        assert program.send(method, f"{ENTITIES}/{ref}", body).status_code == 404


def test_a_method_or_address_that_is_not_there_is_a_problem(program: Program) -> None:
    response = program.send("DELETE", ENTITIES)

    assert problem(response, 405)["code"] == "method_not_allowed"
    assert set(response["Allow"].split(", ")) == {"GET", "POST"}
    problem(program.send("GET", "/api/v1/nope"), 404)


def test_roles_decide_who_may_what() -> None:
    add_entity("api")
    body = {"name": "web", "kind": "service"}

    viewer = Program(Role.VIEWER)
    assert viewer.send("GET", ENTITIES).status_code == 200
    for method, path in (
        ("POST", ENTITIES),
        ("PUT", f"{ENTITIES}/api"),
        ("PATCH", f"{ENTITIES}/api"),
        ("DELETE", f"{ENTITIES}/api"),
        ("PUT", f"{ENTITIES}/api/dependencies"),
        ("POST", "/api/v1/teams"),
    ):
        problem(viewer.send(method, path, body), 403)
        assert Client().generic(method, path, b"{}", content_type="application/json").status_code == 401
    assert list(Entity.objects.values_list("name", flat=True)) == ["api"]


def test_a_session_needs_the_csrf_token(client_of: Callable[[Role], Client]) -> None:
    client = client_of(Role.EDITOR)
    body = {"name": "api", "kind": "service"}
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies

    problem(strict.post(ENTITIES, body, content_type="application/json"), 403)  # type: ignore[arg-type]

    assert client.post(ENTITIES, body, content_type="application/json").status_code == 201


def test_the_same_key_and_body_create_once(program: Program) -> None:
    body = {"name": "api", "kind": "service"}

    first = program.send("POST", ENTITIES, body, Idempotency_Key="k1")
    again = program.send("POST", ENTITIES, body, Idempotency_Key="k1")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert (again["Location"], again["ETag"]) == (first["Location"], first["ETag"])
    assert Entity.objects.count() == 1
    other = {"name": "web", "kind": "service"}
    problem(program.send("POST", ENTITIES, other, Idempotency_Key="k1"), 409)
    assert Program(Role.ADMIN).send("POST", ENTITIES, other, Idempotency_Key="k1").status_code == 201


def test_a_failed_request_does_not_use_up_its_key(program: Program) -> None:
    problem(program.send("POST", ENTITIES, {"name": "api"}, Idempotency_Key="k1"), 422)
    problem(program.send("POST", ENTITIES, {"name": "x", "kind": "job"}, Idempotency_Key="k" * 201), 422)

    assert program.send("POST", ENTITIES, {"name": "api", "kind": "job"}, Idempotency_Key="k1").status_code == 201


def test_the_description_of_the_api_is_for_those_who_may_see_it(program: Program) -> None:
    document = read(program.send("GET", "/api/v1/openapi.json"))

    assert document["openapi"].startswith("3.1")
    identifiers = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(identifiers) == len(set(identifiers))
    assert {"listEntities", "createEntity", "replaceEntity", "setDependencies", "listTeams"} <= set(identifiers)
    assert Client().get("/api/v1/openapi.json").status_code == 401
    assert Client().get("/api/v1/docs")["Location"] == "/login?next=%2Fapi%2Fv1%2Fdocs"


class TestTextOfAnOlderRule:
    """What was stored when the rule for texts was milder is shown, exported, mended and deleted like any other."""

    @pytest.fixture(autouse=True)
    def stored(self, program: Program) -> None:
        program.send("POST", ENTITIES, {"name": "api", "kind": "service"})
        Entity.objects.filter(name="api").update(title="\u202bapi\u202c", description="\x93quoted\x94")

    def test_it_is_shown_and_exported(self, program: Program, client_of: Callable[[Role], Client]) -> None:
        assert read(program.send("GET", f"{ENTITIES}/api"))["title"] == "\u202bapi\u202c"
        assert client_of(Role.EDITOR).get("/entities/api/edit").status_code == 200
        exported = StringIO()
        call_command("catalog", "export", stdout=exported)
        assert "quoted" in exported.getvalue()

    def test_an_edit_must_mend_it(self, program: Program) -> None:
        refused = problem(program.send("PATCH", f"{ENTITIES}/api", {"tier": 1}), 422)
        assert {error["field"] for error in refused["errors"]} == {"title", "description"}

        mended = program.send("PATCH", f"{ENTITIES}/api", {"title": "api", "description": "quoted"})
        assert (mended.status_code, read(mended)["title"]) == (200, "api")

    def test_it_is_deleted(self, program: Program) -> None:
        assert program.send("DELETE", f"{ENTITIES}/api").status_code == 204

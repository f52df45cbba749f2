"""Checks that were stored under a milder rule are listed, shown, mended and deleted; new ones are refused."""

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from core.permissions import Role
from ops.health.definition import definition_of
from ops.health.engine.definitions import prepare_check
from ops.health.models import Check
from tests.ops.health.factories import make_check, make_http_check

pytestmark = pytest.mark.django_db

CHECKS = "/api/v1/checks"
URL = "http://192.0.2.1/health"


@pytest.fixture
def editor(client_of: Callable[[Role], Client]) -> Client:
    return client_of(Role.EDITOR)


def listed(editor: Client) -> list[dict[str, Any]]:
    response = editor.get(CHECKS)
    assert response.status_code == 200
    return list(response.json()["items"])


def send(editor: Client, method: str, check: Check, body: dict[str, Any] | None = None) -> HttpResponse:
    request = {"patch": editor.patch, "delete": editor.delete}[method]
    return request(f"{CHECKS}/{check.uid}", body, content_type="application/json")  # type: ignore[return-value]


def test_a_query_that_can_never_work(editor: Client) -> None:
    check = make_check("postgres", {"host": "192.0.2.1", "query": "DELETE FROM x"})
    new = {"entity": check.entity.name, "name": "new", "kind": "postgres", "host": "192.0.2.1"}

    refused = editor.post(CHECKS, {**new, "query": "SELECT 1; DROP TABLE x"}, content_type="application/json")

    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == ["query"]
    assert definition_of(check).document()["query"] == "DELETE FROM x"
    assert [item["query"] for item in listed(editor)] == ["DELETE FROM x"]
    assert send(editor, "delete", check).status_code == 204


def test_a_text_with_control_characters(editor: Client) -> None:
    check = make_http_check(URL, conditions=["[BODY].note == a\x85b"])

    assert [item["conditions"] for item in listed(editor)] == [["[BODY].note == a\x85b"]]
    assert send(editor, "delete", check).status_code == 204


def test_a_condition_that_can_never_hold_is_a_defect(editor: Client) -> None:
    check = make_http_check(URL, conditions=["[STATUS] === 200"])

    assert "one comparison" in prepare_check(check).defect
    assert listed(editor)[0]["conditions"] == ["[STATUS] === 200"]
    for path in ("/checks", f"/checks/{check.uid}", f"/checks/{check.uid}/edit"):
        assert editor.get(path).status_code == 200
    assert send(editor, "patch", check, {"conditions": ["[STATUS] == 200"]}).status_code == 200

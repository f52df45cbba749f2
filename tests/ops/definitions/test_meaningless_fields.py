"""Common fields that say nothing of a kind: not asked for, not taken, not in the way of what is stored or exported."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from core.errors import ValidationFailed
from core.permissions import Principal, Role
from ops.health.checks import KINDS, validate_kind
from ops.health.checks.composite import CompositeConfig, CompositeKind
from ops.health.definition import brief_document_of, definition_of, document_of, parse_check, with_changes
from ops.health.models import Check
from ops.health.schemas import NewCheckBody
from ops.health.services import create_check, replace_check
from ops.queues.definition import parse_queue
from ops.queues.sources import SOURCES
from tests.entities.catalogue import add_entity

COMPOSITE = {"name": "all", "kind": "composite", "members": ["api/http"]}
HEARTBEAT = {"name": "beat", "kind": "heartbeat"}
LEFT_OUT = [
    (COMPOSITE, "timeout", "5s"),
    (HEARTBEAT, "interval", "12h"),
    (HEARTBEAT, "retry_interval", "5s"),
    (HEARTBEAT, "timeout", "5s"),
]
REFUSED = [
    (parse_check, COMPOSITE, "degraded_above", "300ms"),
    (parse_queue, {"name": "errors", "kind": "outbox"}, "min_consumers", 1),
    (
        parse_queue,
        {"name": "jobs", "kind": "sql", "host": "10.0.0.9", "database": "shop", "query": "SELECT 1"},
        "min_consumers",
        1,
    ),
]


@pytest.fixture
def stored(db: None, editor: Principal) -> Check:
    """A composite from when its fields were asked for."""
    add_entity("api")
    saved = create_check(principal=editor, entity_ref="api", definition=parse_check(COMPOSITE))
    Check.objects.update(timeout_ms=5_000, degraded_above_ms=300)
    return Check.objects.get(pk=saved.id)


@pytest.mark.parametrize(("data", "field", "value"), LEFT_OUT)
def test_a_rhythm_is_left_out(data: dict[str, Any], field: str, value: str) -> None:
    assert parse_check({**data, field: value}) == parse_check(data)
    with pytest.raises(ValidationFailed):
        parse_check({**data, field: "soon"})


@pytest.mark.parametrize(("parse", "data", "field", "value"), REFUSED)
def test_a_limit_that_nothing_is_judged_by_is_refused(
    parse: Callable[..., Any], data: dict[str, Any], field: str, value: object
) -> None:
    with pytest.raises(ValidationFailed) as caught:
        parse({**data, field: value})
    assert [(error.field, error.message) for error in caught.value.errors] == [
        (field, f"has no meaning for the kind {data['kind']}; leave it out")
    ]


@pytest.mark.parametrize(("parse", "data"), [(parse_check, COMPOSITE), (parse_check, HEARTBEAT)])
def test_defaults_come_back_as_they_are_written(parse: Callable[..., Any], data: dict[str, Any]) -> None:
    definition = parse(data)
    assert parse(definition.document()) == definition
    assert parse(definition.brief_document()) == definition


def test_what_is_stored_of_old_is_neither_shown_nor_in_the_way(stored: Check, editor: Principal) -> None:
    assert (document_of(stored)["timeout"], document_of(stored)["degraded_above"]) == ("10s", None)
    assert brief_document_of(stored) == COMPOSITE
    definition = definition_of(stored)
    assert replace_check(principal=editor, uid=stored.uid, definition=definition).action is None
    assert with_changes(definition, {"need": "any"}).common.timeout == 10_000


def test_another_kind_starts_without_them() -> None:
    before = parse_check({"name": "x", "kind": "tcp", "host": "10.0.0.9", "port": 1, "timeout": "5s", "interval": "5s"})
    after = with_changes(before, {"kind": "composite", "members": ["api/http"]})
    assert (after.common.timeout, after.common.interval) == (10_000, 5_000)
    with pytest.raises(ValidationFailed):
        with_changes(before, {"kind": "composite", "members": ["api/http"], "degraded_above": "5s"})


@pytest.mark.parametrize(
    ("path", "kinds"), [("/new/check", list(KINDS)), ("/new/queue", list(SOURCES))], ids=["checks", "queues"]
)
@pytest.mark.django_db
def test_no_form_asks_for_them(client_of: Callable[[Role], Client], path: str, kinds: list[Any]) -> None:
    for kind in kinds:
        form = client_of(Role.EDITOR).get(f"{path}?kind={kind.name}").content.decode()
        assert 'name="name"' in form
        for field in kind.Config.meaningless:
            assert f'name="{field}"' not in form, (kind.name, field)
        assert not kind.Config.meaningless & kind.Config.presentation.suggested.keys(), kind.name


@pytest.mark.django_db
def test_a_composite_has_no_response_time(client_of: Callable[[Role], Client]) -> None:
    assert "[RESPONSE_TIME]" not in client_of(Role.EDITOR).get("/new/check?kind=composite").content.decode()
    with pytest.raises(ValidationFailed):
        parse_check({**COMPOSITE, "conditions": ["[RESPONSE_TIME] < 300"]})


def test_the_api_does_not_describe_them() -> None:
    described = {variant["title"]: variant["properties"] for variant in NewCheckBody.model_json_schema()["anyOf"]}
    assert "timeout" in described["http"]
    assert "timeout" not in described["composite"]


def test_a_kind_knows_which_fields_all_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CompositeConfig, "meaningless", frozenset({"patience"}))
    with pytest.raises(ValueError, match="composite: no fields of every check: patience"):
        validate_kind(CompositeKind())

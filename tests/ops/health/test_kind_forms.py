"""The form of every kind says what the definition says, and back."""

from typing import Any

import pytest
from django.http import QueryDict

from ops.definitions.typed_definition import read_typed, write_typed
from ops.health.check_fields import check_fields
from ops.health.checks import KINDS
from ops.health.definition import parse_check

CHECKS: list[dict[str, Any]] = [
    {"kind": "tcp", "host": "10.0.0.1", "port": 25, "send": r"QUIT\r\n", "expect_pattern": "^220"},
    {"kind": "dns", "query": "example.com", "record": "MX", "server": "10.0.0.1", "answers": ["10 a.", "20 b."]},
    {"kind": "icmp", "host": "10.0.0.1", "count": 5},
    {"kind": "redis", "host": "10.0.0.1", "username": "monitor", "password": "hush", "tls": True, "role": "replica"},
    {"kind": "postgres", "host": "10.0.0.1", "tls": "verify-full", "query": "SELECT\n 1", "expected": "1"},
    {"kind": "celery", "host": "10.0.0.1", "database": 3, "workers": 2, "queues": ["mail", "sms"]},
    {"kind": "grpc", "host": "10.0.0.1", "port": 50051, "service": "payments"},
    {"kind": "composite", "members": ["db/tcp", "api/http"], "need": 1},
]


def submitted(values: Any) -> QueryDict:
    form = QueryDict(mutable=True)
    form.update(values)
    return form


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check["kind"])
def test_a_definition_passes_through_its_form(check: dict[str, Any]) -> None:
    definition = parse_check({"name": "probe", **check})
    values = dict(write_typed(definition))
    if "password" in check:  # a page never shows it
        values["password"] = check["password"]

    read = read_typed(submitted(values), check_fields(definition.kind), definition.kind)

    assert parse_check({**read, "name": "probe"}) == definition


@pytest.mark.parametrize("name", KINDS.names())
def test_every_kind_has_its_words(name: str) -> None:
    kind = KINDS.get(name)
    assert kind is not None
    assert kind.Config.presentation.title
    assert all(field.label for field in check_fields(kind))


def test_defaults_stand_in_the_form() -> None:
    kind = KINDS.get("redis")
    assert kind is not None

    assert {field.name: field.value for field in check_fields(kind)}["port"] == "6379"

"""What people may write about a check."""

from typing import Any

import pytest

from core.egress import TargetRefused
from core.errors import ValidationFailed
from ops.health.checks import COMMON_FIELDS as RESERVED
from ops.health.definition import COMMON_FIELDS, parse_check, with_changes

HTTP = {"name": "http", "kind": "http", "url": "http://127.0.0.1:9001/health"}


def wrong_fields(**fields: Any) -> dict[str, str]:
    with pytest.raises(ValidationFailed) as caught:
        parse_check({**HTTP, **fields})
    return {error.field: error.message for error in caught.value.errors}


def test_durations_come_back_as_they_are_written() -> None:
    document = parse_check({**HTTP, "interval": "90s", "timeout": 5, "degraded_above": "300ms"}).document()

    assert (document["interval"], document["timeout"], document["degraded_above"]) == ("90s", "5s", "300ms")


@pytest.mark.parametrize(
    "check",
    [
        {**HTTP, "interval": "30s", "conditions": ["[STATUS] == 200", "[BODY].status == ok"], "failure_threshold": 2},
        {"name": "port", "kind": "tcp", "host": "127.0.0.1", "port": 5432, "paused": True},
        {"name": "nightly", "kind": "heartbeat", "period": "24h", "grace": "30m"},
    ],
)
def test_a_document_parses_to_the_same_definition(check: dict[str, Any]) -> None:
    definition = parse_check(check)

    assert parse_check(definition.document()) == definition
    assert parse_check(definition.brief_document()) == definition
    assert definition.brief_document().keys() <= check.keys()


def test_every_wrong_field_is_named_at_once() -> None:
    wrong = wrong_fields(url="ftp://x", interval="soon", colour="red", failure_threshold=0, name="No Name")

    assert wrong.keys() == {"url", "interval", "colour", "failure_threshold", "name"}


def test_a_condition_that_makes_no_sense_is_named_with_its_position() -> None:
    wrong = wrong_fields(conditions=["[STATUS] == 200", "[STATSU] == 200"])

    assert "[STATSU]" in wrong["conditions.1"]
    assert "at character 1" in wrong["conditions.1"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("interval", "999ms"), ("interval", "25h"), ("interval", float("nan")), ("interval", 10**400),
        ("interval", True), ("interval", None), ("interval", {}), ("timeout", "99ms"), ("timeout", "61s"),
        ("timeout", -1),
        ("failure_threshold", 101), ("failure_threshold", "2"), ("success_threshold", True), ("paused", "yes"),
        ("degraded_above", "0s"), ("conditions", "[STATUS] == 200"), ("conditions", ["[STATUS] == 200"] * 51),
        ("conditions", [""]), ("conditions", [5]), ("conditions", ["[STATUS] == 2\0"]), ("name", "a" * 65),
        ("name", "a\0"), ("kind", "smoke"), ("kind", 7), ("kind", None), ("url", None), ("url", "http://a b/"),
        ("headers", {"X-A": "1\r\nX-B: 2"}), ("headers", {"X A": "1"}), ("headers", [1]), ("method", "BREW"),
    ],
)  # fmt: skip
def test_what_is_out_of_bounds_or_of_another_type_is_refused(field: str, value: object) -> None:
    assert any(name.partition(".")[0] == field for name in wrong_fields(**{field: value}))


@pytest.mark.parametrize("field", ["period", "grace"])
@pytest.mark.parametrize("value", ["999ms", "401d"])
def test_a_heartbeat_is_expected_within_a_second_to_400_days(field: str, value: str) -> None:
    beat = {"name": "yearly", "kind": "heartbeat", "period": "400d", "grace": "1s"}
    assert parse_check(beat).document() == {**parse_check(beat).document(), **beat}

    with pytest.raises(ValidationFailed) as caught:
        parse_check({**beat, field: value})
    assert [error.field for error in caught.value.errors] == [field]


def test_a_target_that_may_not_be_reached_is_refused() -> None:
    with pytest.raises(TargetRefused) as caught:
        parse_check({**HTTP, "url": "http://169.254.169.254/latest/meta-data"})

    assert caught.value.errors


def test_changes_keep_the_other_fields() -> None:
    definition = parse_check({**HTTP, "interval": "30s"})

    assert with_changes(definition, {"timeout": "3s"}).document() == {**definition.document(), "timeout": "3s"}


def test_another_kind_starts_with_its_own_fields() -> None:
    changed = with_changes(parse_check(HTTP), {"kind": "tcp", "host": "127.0.0.1", "port": 80})

    assert changed.document()["host"] == "127.0.0.1"
    assert "url" not in changed.document()


def test_no_kind_can_take_the_name_of_a_common_field() -> None:
    assert COMMON_FIELDS <= RESERVED

"""The ``actuator`` kind against a server that answers as Spring Boot does."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import uvloop

from ops.health.checks.actuator import ActuatorConfig, ActuatorKind
from ops.probing.probe import Finding, ProbeContext
from ops.signals.domain import Status
from tests.ops.health.targets import Target, answer, run_target
from tests.ops.health.test_http_kind import LOOPBACK


@pytest.fixture
def app() -> Iterator[Target]:
    with run_target(answer()) as target:
        yield target


def ask(app: Target, health: Any, status: str = "200 OK") -> Finding | None:
    body = health if isinstance(health, bytes) else json.dumps(health).encode()
    app.behave = answer(status, body, "Content-Type: application/vnd.spring-boot.actuator.v3+json")
    config = ActuatorConfig(url=f"{app.url}actuator/health")
    seen = uvloop.run(ActuatorKind().probe(config, ProbeContext(5, LOOPBACK)))
    assert seen.values["STATUS"] == int(status[:3])
    return seen.finding


def test_an_application_that_is_up_is_healthy(app: Target) -> None:
    assert ask(app, {"status": "UP", "components": {"db": {"status": "UP"}}}) is None


@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        ("DOWN", Status.UNHEALTHY),
        ("OUT_OF_SERVICE", Status.UNHEALTHY),
        ("UNKNOWN", Status.UNKNOWN),
        ("WARMING_UP", Status.DEGRADED),
    ],
)
def test_its_other_words_are_outcomes(app: Target, word: str, outcome: Status) -> None:
    finding = ask(app, {"status": word}, "503 Service Unavailable")

    assert finding is not None
    assert (finding.outcome, finding.message) == (outcome, f"the application says {word}")


def test_the_components_that_fail_are_named_to_the_innermost(app: Target) -> None:
    components = {
        "db": {"status": "DOWN", "components": {"main": {"status": "UP"}, "replica": {"status": "DOWN"}}},
        "diskSpace": {"status": "UP", "details": {"free": 1}},
        "mail": {"status": "OUT_OF_SERVICE", "details": {"error": "refused"}},
    }
    finding = ask(app, {"status": "DOWN", "components": components}, "503 Service Unavailable")

    assert finding is not None
    assert finding.message == "the application says DOWN: db.replica (DOWN), mail (OUT_OF_SERVICE)"


def test_components_under_their_former_name_are_read_too(app: Target) -> None:
    finding = ask(app, {"status": "DOWN", "details": {"redis": {"status": "DOWN", "details": {"error": "x"}}}})

    assert finding is not None
    assert finding.message.endswith(": redis (DOWN)")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"status": 5}', b"", b"null"])
def test_an_answer_that_is_no_health_is_unhealthy(app: Target, body: bytes) -> None:
    finding = ask(app, body, "404 Not Found")

    assert finding is not None
    assert (finding.outcome, finding.message) == (
        Status.UNHEALTHY, "answered 404 without the health of an application",
    )  # fmt: skip


def test_a_flood_of_failing_components_is_told_in_short(app: Target) -> None:
    components = {f"c{number}": {"status": "DOWN"} for number in range(2_000)}
    finding = ask(app, {"status": "DOWN", "components": components})

    assert finding is not None
    assert finding.message.endswith("c9 (DOWN) and 1990 more")

"""Trying a check before it is saved: what is seen, who may, what is kept, and that it ends."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from core.breaker.machine import BreakerState
from core.breaker.registry import own_storage
from core.breaker.storage import Operation
from core.egress import TargetRefused
from core.errors import Conflict, NotFound, PermissionDenied, RateLimited, ValidationFailed
from core.models import AuditEntry
from core.permissions import Principal
from core.secrets import MASK
from entities.models import Entity
from ops.definitions import trials
from ops.health.definition import parse_check
from ops.health.models import Check, CheckResult
from ops.health.services import create_check
from ops.health.trials import Trial, try_check
from ops.probing import one_shot
from ops.probing.guarding import FAMILY, POLICY
from ops.signals.domain import Status
from tests.ops.health.targets import answer, hang, run_target

OK = answer("200 OK", b'{"status": "ok", "queue": 12}')


@pytest.fixture
def api(make_entity: Callable[..., Entity]) -> Entity:
    return make_entity("api")


@pytest.fixture
def attempt(editor: Principal, api: Entity) -> Callable[..., Trial]:
    def run(**data: Any) -> Trial:
        definition = parse_check({"name": "http", "kind": "http", **data})
        return try_check(principal=editor, entity_ref="api", definition=definition)

    return run


def test_a_trial_tells_the_outcome_what_was_seen_and_how_each_condition_fared(attempt: Callable[..., Trial]) -> None:
    with run_target(OK) as target:
        trial = attempt(
            url=target.url, conditions=["[STATUS] == 200", "[BODY].queue < 10"], degraded_conditions=["[BODY].x == 1"]
        )

    assert (trial.outcome, trial.phase) == (Status.UNHEALTHY, "condition")
    assert [(item.shown, item.ok, item.degrades) for item in trial.conditions] == [
        ("[STATUS] (200) == 200", True, False),
        ("[BODY].queue (12) < 10", False, False),
        ("[BODY].x (absent) == 1", False, True),
    ]
    assert trial.values["STATUS"] == "200"
    assert trial.values["BODY"] == '{"status": "ok", "queue": 12}'
    assert {"connect", "processing"} <= trial.phases.keys()


def test_costly_conditions_over_a_large_answer_end_soon(attempt: Callable[..., Trial]) -> None:
    costly = f"[BODY] == pat(*{'a?' * 49}b*)"
    with run_target(answer("200 OK", b"a" * 1_000_000)) as target:
        started = time.thread_time()
        trial = attempt(
            url=target.url, conditions=["[STATUS] == 200", *[costly] * 49], degraded_conditions=[costly] * 50
        )
        took = time.thread_time() - started

    assert took < 1
    assert trial.outcome is Status.UNHEALTHY
    assert [item.ok for item in trial.conditions] == [True, *[False] * 99]
    assert trial.conditions[-1].shown.startswith(f"{costly} (not judged: ")


def test_nothing_is_stored_but_the_audit_without_secrets(attempt: Callable[..., Trial]) -> None:
    with run_target(OK) as target:
        attempt(url=target.url, headers={"Authorization": "Bearer s3cret"})

    assert not Check.objects.exists()
    assert not CheckResult.objects.exists()
    entry = AuditEntry.objects.get(action="check.try")
    assert (entry.actor, entry.target_name) == ("user:editor", "api/http")
    assert "s3cret" not in str(entry.after)


def test_a_mask_stands_for_the_stored_secret_while_editing_and_for_nothing_otherwise(
    attempt: Callable[..., Trial], editor: Principal
) -> None:
    with run_target(OK) as target:
        data = {"name": "http", "kind": "http", "url": target.url, "headers": {"Authorization": "Bearer s3cret"}}
        saved = create_check(principal=editor, entity_ref="api", definition=parse_check(data))
        masked = {**data, "headers": {"Authorization": MASK}}
        stored = Check.objects.get(uid=saved.uid)
        try_check(principal=editor, entity_ref="api", definition=parse_check(masked), stored=stored)

        assert b"Authorization: Bearer s3cret" in target.requests[0]
        with pytest.raises(ValidationFailed):
            attempt(**masked)


def test_a_target_that_hangs_for_longer_than_a_trial_lasts_leaves_the_outcome_open(
    attempt: Callable[..., Trial], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_shot, "SECONDS_MAX", 0.3)
    monkeypatch.setattr(trials, "SECONDS_MAX", 0.3)
    with run_target(OK) as target:
        target.behave = hang(target)
        started = time.monotonic()
        trial = attempt(url=target.url, timeout="60s")

    assert (trial.outcome, trial.phase) == (Status.UNKNOWN, "timeout")
    assert trial.message.endswith("; a test has 0.3 s, a look once it is saved 60 s")
    assert time.monotonic() - started < 20


def test_only_a_few_run_at_once(attempt: Callable[..., Trial]) -> None:
    taken = [one_shot.turn() for _ in range(one_shot.AT_ONCE)]
    for slot in taken:
        slot.__enter__()
    try:
        with pytest.raises(RateLimited):
            attempt(url="http://127.0.0.1:1/")
    finally:
        for slot in taken:
            slot.__exit__(None, None, None)
    assert not AuditEntry.objects.filter(action="check.try").exists()


def test_the_address_policy_and_the_fields_are_judged_first(attempt: Callable[..., Trial]) -> None:
    with pytest.raises(TargetRefused):
        attempt(url="http://169.254.169.254/")
    with pytest.raises(ValidationFailed):
        attempt(url="ftp://x")
    assert not AuditEntry.objects.filter(action="check.try").exists()


def test_a_heartbeat_an_unknown_entity_and_a_viewer_are_refused(
    attempt: Callable[..., Trial], editor: Principal, viewer: Principal, api: Entity
) -> None:
    with pytest.raises(Conflict):
        attempt(kind="heartbeat")
    definition = parse_check({"name": "http", "kind": "http", "url": "http://127.0.0.1:1/"})
    with pytest.raises(NotFound):
        try_check(principal=editor, entity_ref="nothing", definition=definition)
    with pytest.raises(PermissionDenied):
        try_check(principal=viewer, entity_ref="api", definition=definition)


def test_a_target_that_operators_have_stopped_is_not_asked(attempt: Callable[..., Trial]) -> None:
    with run_target(OK) as target:
        name = f"{FAMILY}:127.0.0.1:{target.port}"
        own_storage().run([Operation(name, POLICY, "command", state=BreakerState.FORCED_OPEN, reason="moving")])
        trial = attempt(url=target.url)

    assert target.requests == []
    assert (trial.outcome, trial.phase) == (Status.UNKNOWN, "circuit")
    assert "an operator has stopped calls to" in trial.message

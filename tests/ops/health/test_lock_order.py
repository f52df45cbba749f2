"""Edits and the engine on the same rows at once, each on a connection of its own."""

import functools
import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from core.clock import now_ms
from core.permissions import Principal
from core.revision import current_revision
from entities.catalog.apply import apply_document
from entities.catalog.document import load_document
from entities.models import Entity
from entities.services import delete_entity, update_entity
from ops.health import pings, services
from ops.health.engine.claim import claim_due_checks, release_claims
from ops.health.engine.commit import Outcome, commit_outcomes
from ops.health.models import Check, Heartbeat
from ops.health.ping_store import PingAddress
from ops.health.services import schedule
from ops.signals.domain import Status
from tests.ops.health.engine.test_commit import outcome_of
from tests.ops.health.factories import make_check, state_of

pytestmark = pytest.mark.django_db(transaction=True)

FILE = """apiVersion: quarterdeck/v1
teams: [{name: payments, title: New}]
entities:
  - {name: z, kind: service, team: payments, checks: [{name: b, kind: tcp, host: 127.0.0.1, port: 2}]}
  - {name: a, kind: service, team: payments, checks: [{name: a, kind: tcp, host: 127.0.0.1, port: 1}]}
"""

TARGET = {"host": "127.0.0.1", "port": 9}

type Elsewhere = Callable[[Callable[[], Any]], Future[Any]]


@pytest.fixture(autouse=True)
def _rows_are_locked(on_postgresql: bool) -> None:
    if not on_postgresql:
        pytest.skip("SQLite lets one writer in at a time")


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    """Runs something on another connection."""

    def closing(work: Callable[[], Any]) -> Any:
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        yield lambda work: pool.submit(closing, work)


def once(work: Callable[[], Any]) -> Callable[[], None]:
    """The first call does it."""
    todo = [work]
    return lambda: todo.pop()() if todo else None


def after(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, then: Callable[[], None]) -> None:
    original = getattr(owner, name)

    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        value = original(*args, **kwargs)
        then()
        return value

    monkeypatch.setattr(owner, name, call)


def claimed(status: Status = Status.UNHEALTHY) -> list[Outcome]:
    return [outcome_of(claim, status) for claim in claim_due_checks(limit=10)]


def ids(items: list[Any]) -> set[int]:
    return {item.check.check_id for item in items}


def test_an_apply_under_way_holds_up_the_results_of_its_own_checks_alone(
    editor: Principal, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(FILE)
    first, second = (
        make_check(config=TARGET, name=name, entity=Entity.objects.create(name=entity, kind="service"))
        for name, entity in (("a", "a"), ("b", "z"))
    )
    other = make_check()
    outcomes, commits = claimed(), []
    after(
        monkeypatch, schedule, "restart",
        once(lambda: commits.append(elsewhere(lambda: commit_outcomes(outcomes)).result(timeout=10))),
    )  # fmt: skip

    apply_document(principal=editor, document=load_document([file]), prune=False)

    assert ids([result.outcome for result in commits[0].results]) == {first.pk, other.pk}
    assert ids(commits[0].held) == {second.pk}
    assert commit_outcomes(commits[0].held).results == []  # the apply has moved its fence
    assert current_revision() == state_of(other).revision + 1
    assert state_of(first).status == Status.UNHEALTHY


def test_a_delete_under_way_holds_up_no_other_result(
    editor: Principal, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    doomed = [make_check(name="1")]
    doomed.append(make_check(name="2", entity=doomed[0].entity))
    other = make_check()
    outcomes, commits = claimed(), []
    after(
        monkeypatch, schedule, "lock_states",
        once(lambda: commits.append(elsewhere(lambda: commit_outcomes(outcomes)).result(timeout=10))),
    )  # fmt: skip

    delete_entity(principal=editor, ref=doomed[0].entity.name)

    assert ids([result.outcome for result in commits[0].results]) == {other.pk}
    assert ids(commits[0].held) == {check.pk for check in doomed}
    assert commit_outcomes(commits[0].held).results == []


def test_a_claim_of_a_check_that_is_edited_is_not_waited_for_to_be_given_back(
    editor: Principal, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    edited, other = (make_check(config=TARGET) for _ in range(2))
    claims = claim_due_checks(limit=2)
    after(monkeypatch, schedule, "restart", once(lambda: elsewhere(lambda: release_claims(claims)).result(timeout=10)))

    services.update_check(principal=editor, uid=edited.uid, changes={"port": 10})

    assert state_of(other).lease_until_ms == 0


def test_a_check_resumed_while_its_entity_becomes_inactive_stands_still(
    editor: Principal, operator: Principal, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = make_check(config=TARGET, paused=True, due_in_ms=None)
    resumed: list[Future[Any]] = []

    def resume() -> None:
        resumed.append(elsewhere(lambda: services.resume_check(principal=operator, uid=check.uid)))
        with pytest.raises(TimeoutError):
            resumed[0].result(timeout=0.5)

    after(monkeypatch, services.CheckLifecycle, "entity_activity_changed", once(resume))

    update_entity(principal=editor, ref=check.entity.name, changes={"lifecycle": "inactive"})
    resumed[0].result(timeout=10)

    assert not Check.objects.get(pk=check.pk).paused
    assert state_of(check).next_due_ms is None


def test_a_ping_that_waited_for_an_edit_is_taken_by_the_new_definition(
    editor: Principal, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = make_check("heartbeat", {"period": "60s", "grace": "10s"}, due_in_ms=70_000)
    beat = Heartbeat.objects.get(pk=check.pk)
    pinged: list[Future[Any]] = []

    def ping() -> None:
        sign = pings.Ping(pings.Signal.SUCCESS)
        pinged.append(elsewhere(lambda: pings.record_ping(address=PingAddress(beat.ping_id), ping=sign)))
        with pytest.raises(TimeoutError):
            pinged[0].result(timeout=0.5)
        Heartbeat.objects.filter(pk=check.pk).update(runs=json.dumps({"": now_ms() - 4_000}))

    after(monkeypatch, schedule, "restart", once(ping))

    services.update_check(principal=editor, uid=check.uid, changes={"period": "1h"})
    pinged[0].result(timeout=10)

    state = state_of(check)
    assert (state.next_due_ms or 0) > now_ms() + 3_500_000
    assert (state.last_duration_us or 0) >= 4_000_000

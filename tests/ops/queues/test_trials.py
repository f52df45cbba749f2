"""Trying a queue before it is saved: what one look saw, against which limits, and that nothing else comes of it."""

import asyncio
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from django.test import Client

from core.breaker.machine import BreakerState
from core.breaker.registry import own_storage
from core.breaker.storage import Operation
from core.errors import NotFound, PermissionDenied, RateLimited, ValidationFailed
from core.models import AuditEntry
from core.permissions import Principal, Role
from core.secrets import MASK
from entities.models import Entity
from ops.definitions import trials
from ops.probing import one_shot
from ops.probing.guarding import FAMILY, POLICY
from ops.queues.definition import parse_queue
from ops.queues.models import Queue, QueueSample
from ops.queues.sources.source import Reading
from ops.queues.trials import QueueTrial, try_queue
from ops.signals.domain import Status
from tests.ops.queues.list_source import KIND, ListSource, ReadOnlySource

type Attempt = Callable[..., QueueTrial]


@pytest.fixture
def attempt(shop: Entity, editor: Principal, valkey_port: int) -> Attempt:
    def run(**fields: Any) -> QueueTrial:
        fields = {"port": valkey_port, "key": "emails"} | fields if fields.get("kind", KIND) == KIND else fields
        definition = parse_queue({"name": "emails", "kind": KIND, **fields})
        return try_queue(principal=editor, entity_ref="shop", definition=definition)

    return run


@pytest.fixture
def stopped(valkey_port: int) -> Iterator[None]:
    name = f"{FAMILY}:127.0.0.1:{valkey_port}"
    own_storage().run([Operation(name, POLICY, "command", state=BreakerState.FORCED_OPEN, reason="moving")])
    yield
    own_storage().run([Operation(name, POLICY, "command", state=BreakerState.CLOSED)])


def test_a_look_is_held_against_each_limit_that_is_set(attempt: Attempt, told: ReadOnlySource) -> None:
    told.says = Reading(212, 372.0, 0, unacked=48, dead=3, parts={"priority 3": 5})
    limits = {"max_size": 100, "max_age": "10m", "min_consumers": 2, "warn_age": "5m"}
    trial = attempt(kind=told.name, **limits)

    assert trial.status is Status.UNHEALTHY
    assert trial.message == "212 waiting, limit 100; no consumers; the oldest waits 6.2 min, limit 5 min"
    assert [(limit.field, limit.shown, limit.ok, limit.degrades) for limit in trial.limits] == [
        ("max_size", "212 waiting, unhealthy over 100", False, False),
        ("max_age", "the oldest waits 6.2 min, unhealthy over 10 min", True, False),
        ("min_consumers", "0 consumers, unhealthy under 2", False, False),
        ("warn_age", "the oldest waits 6.2 min, degraded over 5 min", False, True),
    ]
    assert trial.reading == told.says


def test_a_limit_that_its_source_cannot_be_judged_by_is_told(attempt: Attempt, told: ReadOnlySource) -> None:
    told.says = Reading(1)
    trial = attempt(kind=told.name, max_age="5m", min_consumers=1)
    assert trial.status is Status.HEALTHY
    assert [(limit.shown, limit.ok) for limit in trial.limits] == [
        ("the source does not tell how long the oldest waits, unhealthy over 5 min", None),
        ("the source does not tell of consumers, unhealthy under 1", None),
    ]
    told.says = Reading(0)
    assert [limit.ok for limit in attempt(kind=told.name, max_age="5m").limits] == [True]


def test_nothing_is_stored_but_the_audit_without_secrets(attempt: Attempt, broker: redis.Redis) -> None:
    broker.rpush("emails", "{}")
    trial = attempt(password="hush")

    assert trial.status is Status.UNKNOWN  # this broker wants no password, and says so
    assert trial.reading is None
    assert not Queue.objects.exists()
    assert not QueueSample.objects.exists()
    entry = AuditEntry.objects.get(action="queue.try")
    assert (entry.actor, entry.target_type, entry.target_name) == ("user:editor", "queue", "shop/emails")
    assert "hush" not in str(entry.after)


def test_a_mask_stands_for_the_stored_secret_while_editing_and_for_nothing_otherwise(
    attempt: Attempt, make_queue: Callable[..., Queue], editor: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = make_queue(kind=KIND, port=6390, key="emails", password="hush")
    sent: list[str] = []

    async def read(_source: ListSource, config: Any, _context: object) -> Reading:
        sent.append(config.password.get_secret_value())
        return Reading(1)

    monkeypatch.setattr(ListSource, "read", read)
    masked = parse_queue({"name": "emails", "kind": KIND, "port": 6390, "key": "emails", "password": MASK})
    try_queue(principal=editor, entity_ref="shop", definition=masked, stored=stored)
    assert sent == ["hush"]
    with pytest.raises(ValidationFailed):
        attempt(port=6391, password=MASK)


@pytest.mark.usefixtures("stopped")
def test_a_target_that_operators_have_stopped_is_not_asked(attempt: Attempt, broker: redis.Redis) -> None:
    broker.rpush("emails", "{}")
    trial = attempt()
    assert (trial.status, trial.reading) == (Status.UNKNOWN, None)
    assert "an operator has stopped calls to" in trial.message


def test_it_ends_when_its_time_is_over(attempt: Attempt, told: ReadOnlySource, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(*_: object) -> Reading:
        await asyncio.sleep(60)
        raise AssertionError("it was waited for")

    monkeypatch.setattr(one_shot, "SECONDS_MAX", 0.1)
    monkeypatch.setattr(trials, "SECONDS_MAX", 0.1)
    monkeypatch.setattr(ReadOnlySource, "read", hang)
    trial = attempt(kind=told.name)
    assert (trial.status, trial.message) == (
        Status.UNKNOWN,
        "it did not end in time; a test has 0.1 s, a look once it is saved 5 s",
    )


def test_a_source_that_crashes_or_lies_is_a_failed_look(attempt: Attempt, told: ReadOnlySource) -> None:
    told.says = Reading(-1)
    assert attempt(kind=told.name).message == "size is told to be -1"
    told.says = ZeroDivisionError("no business of a reader's")
    assert attempt(kind=told.name).message == "the look itself failed: ZeroDivisionError"


def test_only_a_few_run_at_once(attempt: Attempt, told: ReadOnlySource) -> None:
    taken = [one_shot.turn() for _ in range(one_shot.AT_ONCE)]
    for turn in taken:
        turn.__enter__()
    try:
        with pytest.raises(RateLimited):
            attempt(kind=told.name)
    finally:
        for turn in taken:
            turn.__exit__(None, None, None)
    assert not AuditEntry.objects.filter(action="queue.try").exists()


def test_a_viewer_and_an_unknown_entity_are_refused(
    shop: Entity, editor: Principal, viewer: Principal, told: ReadOnlySource
) -> None:
    definition = parse_queue({"name": "emails", "kind": told.name})
    with pytest.raises(PermissionDenied):
        try_queue(principal=viewer, entity_ref="shop", definition=definition)
    with pytest.raises(NotFound):
        try_queue(principal=editor, entity_ref="nothing", definition=definition)


def test_the_form_shows_what_was_seen(shop: Entity, client_of: Callable[[Role], Client], told: ReadOnlySource) -> None:
    told.says = Reading(1_212, 4.0, 1, unacked=1, parts={"<b>group</b>": 5, "priority 9": 0})
    form = {"kind": told.name, "entity": "shop", "name": "emails", "max_size": "1000", "warn_age": "5s"}
    html = _try(client_of(Role.EDITOR), form)

    assert 'data-status="unhealthy"' in html
    assert '1,212 waiting, unhealthy over 1,000</span><span class="vh">does not hold' in html
    assert 'The oldest waits 4 s, degraded over 5 s</span><span class="vh">holds' in html
    for fact in ('<dt class="wrap">Waiting</dt><dd>1,212 messages', "Oldest</dt><dd>4 s", "In work</dt><dd>1 message<"):
        assert fact in html
    assert "&lt;b&gt;group&lt;/b&gt;" in html
    assert "priority 9" not in html
    assert 'id="n-max_size" hx-swap-oob' in html
    assert "Nothing was saved." in html
    assert 'id="try"' in client_of(Role.EDITOR).get(f"/new/queue?kind={told.name}").content.decode()


def test_a_wrong_form_names_the_fields_and_sends_nothing(
    shop: Entity, client_of: Callable[[Role], Client], told: ReadOnlySource
) -> None:
    html = _try(client_of(Role.EDITOR), {"kind": told.name, "entity": "", "name": "emails", "max_size": "many"})
    assert "Not tested" in html
    assert 'href="#f-entity">Entity</a>' in html
    assert 'href="#f-max_size">Unhealthy over</a>' in html
    assert not AuditEntry.objects.filter(action="queue.try").exists()
    assert client_of(Role.OPERATOR).post("/new/queue/try", {}).status_code == 403


def test_the_api_tries_a_queue_too(shop: Entity, client_of: Callable[[Role], Client], told: ReadOnlySource) -> None:
    told.says = Reading(7, 1.5, consumers=2)
    body = {"entity": "shop", "name": "emails", "kind": told.name, "max_size": 5}
    answer = client_of(Role.EDITOR).post("/api/v1/queues/test", body, content_type="application/json").json()
    assert (answer["status"], answer["message"]) == ("unhealthy", "7 waiting, limit 5")
    assert (answer["size"], answer["oldest_age_seconds"], answer["consumers"], answer["dead"]) == (7, 1.5, 2, None)
    assert answer["limits"] == [
        {"limit": "max_size", "shown": "7 waiting, unhealthy over 5", "ok": False, "degrades": False}
    ]
    told.says = Reading(-1)
    lied = client_of(Role.EDITOR).post("/api/v1/queues/test", body, content_type="application/json").json()
    assert (lied["status"], lied["size"], lied["limits"]) == ("unknown", None, [])


def _try(client: Client, form: dict[str, str]) -> str:
    return re.sub(r"\s+", " ", client.post("/new/queue/try", form).content.decode())

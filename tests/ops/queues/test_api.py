"""Queues over REST."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
import redis
from django.db import connection
from django.http import HttpResponse
from django.test import Client

from core.breaker.machine import BreakerState
from core.breaker.registry import own_storage
from core.breaker.storage import Operation
from core.models import AuditEntry
from core.permissions import Role
from entities.models import Entity
from ops.dashboard.changes import read_change
from ops.journal.models import JournalEntry
from ops.probing.guarding import POLICY
from ops.queues.models import Queue, QueueState
from ops.queues.services import messages
from tests.ops.queues.list_source import KIND, UNREACHABLE, ListSource, ReadOnlySource

pytestmark = pytest.mark.django_db(transaction=True)

QUEUES = "/api/v1/queues"

type Send = Callable[..., HttpResponse]


@pytest.fixture
def send_as(client_of: Callable[[Role], Client]) -> Callable[[Role], Send]:
    def sender(role: Role) -> Send:
        client = client_of(role)

        def send(method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
            data = b"" if body is None else json.dumps(body).encode()
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
def emails(make_queue: Callable[..., Queue], valkey_port: int) -> Queue:
    return make_queue(kind=KIND, port=valkey_port, key="emails", max_size=100)


def read(response: HttpResponse, status: int = 200) -> Any:
    assert response.status_code == status, response.content
    return json.loads(response.content) if response.content else None


def test_a_queue_is_made_looked_at_and_shown(
    send: Send, shop: Entity, look: Callable[[], int], push: Callable[..., str], valkey_port: int
) -> None:
    body = {
        "entity": "shop", "name": "emails", "kind": KIND, "port": valkey_port, "key": "emails", "max_size": 1,
        "max_age": "5m", "interval": "10s",
    }  # fmt: skip
    made = send("POST", QUEUES, body)
    uid = read(made, 201)["id"]
    assert made["Location"].endswith(uid)
    push("emails", age_seconds=20)
    push("emails")
    look()

    shown = read(send("GET", f"{QUEUES}/{uid}"))
    assert (shown["status"], shown["size"], shown["reason"]) == ("unhealthy", 2, "2 waiting, limit 1")
    assert 20 <= shown["oldest_age_seconds"] < 120
    assert (shown["entity"], shown["interval"], shown["max_age"], shown["key"]) == ("shop", "10s", "5m", "emails")
    assert shown["source"] == f"port {valkey_port}, key emails"
    assert shown["can"] == ["discard_dead", "peek", "peek_dead", "purge", "retry_dead"]
    samples = read(send("GET", f"{QUEUES}/{uid}/samples"))
    assert [item["size"] for item in samples["items"]] == [2]
    for end in ("since", "until"):
        assert send("GET", f"{QUEUES}/{uid}/samples?{end}=0001-01-01T00:00:00%2B14:00").status_code == 422


def test_a_queue_is_replaced_unless_somebody_else_was_faster(
    send: Send, send_as: Callable[[Role], Send], emails: Queue, valkey_port: int
) -> None:
    where = f"{QUEUES}/{emails.uid}"
    said = {"name": "emails", "kind": KIND, "port": valkey_port, "key": "emails", "warn_size": 7}
    tag = send("GET", where)["ETag"]

    replaced = send("PUT", where, said, If_Match=tag)

    shown = read(replaced)
    assert (shown["max_size"], shown["warn_size"], shown["version"]) == (None, 7, emails.version + 1)
    assert replaced["ETag"] == send("GET", where)["ETag"] != tag
    read(send("PUT", where, {**said, "warn_size": 8}, If_Match=tag), 412)
    read(send("PUT", where, {"name": "emails"}), 422)
    assert read(send("PUT", where, {**said, "entity": "other"}), 422)["errors"][0]["field"] == "entity"
    read(send("PUT", f"{QUEUES}/que_none", said), 404)
    read(send_as(Role.OPERATOR)("PUT", where, said), 403)
    assert list(AuditEntry.objects.filter(action="queue.update").values_list("after", flat=True)) == [
        {"max_size": None, "warn_size": 7}
    ]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"host": "192.0.2.1", "query": "DELETE FROM x"}, "query"),
        ({"engine": "sqlite", "path": "jobs.db", "query": "SELECT 1"}, "path"),
    ],
)
def test_a_table_that_can_never_be_read_is_refused_and_one_that_is_stored_is_listed_and_looked_at(
    send: Send, shop: Entity, look: Callable[[], int], fields: dict[str, str], field: str
) -> None:
    named = {"entity": "shop", "name": "jobs", "kind": "sql"}
    refused = read(send("POST", QUEUES, {**named, **fields}), 422)
    assert [error["field"] for error in refused["errors"]] == [field]

    uid = read(send("POST", QUEUES, {**named, "host": "192.0.2.1", "query": "SELECT 1", "timeout": "100ms"}), 201)["id"]
    Queue.objects.update(config=fields)
    look()
    assert [item["query"] for item in read(send("GET", QUEUES))["items"]] == [fields["query"]]
    reason = read(send("GET", f"{QUEUES}/{uid}"))["reason"]
    assert reason
    assert f"{field}: " not in reason


def test_an_edit_needs_the_version_that_was_read(send: Send, emails: Queue) -> None:
    tag = send("GET", f"{QUEUES}/{emails.uid}")["ETag"]

    assert read(send("PATCH", f"{QUEUES}/{emails.uid}", {"max_size": 7}, If_Match=tag))["max_size"] == 7
    read(send("PATCH", f"{QUEUES}/{emails.uid}", {"max_size": 8}, If_Match=tag), 412)
    read(send("PATCH", f"{QUEUES}/{emails.uid}", {"max_size": "many"}), 422)
    read(send("PATCH", f"{QUEUES}/{emails.uid}", {"entity": "other"}), 422)
    read(send("DELETE", f"{QUEUES}/{emails.uid}"), 204)
    read(send("GET", f"{QUEUES}/{emails.uid}"), 404)
    actions = set(AuditEntry.objects.filter(target_uid=emails.uid).values_list("action", flat=True))
    assert actions == {"queue.create", "queue.update", "queue.delete"}


def test_a_list_is_narrowed_ordered_and_paged(
    send: Send, make_queue: Callable[..., Queue], told: ReadOnlySource, look: Callable[[], int]
) -> None:
    for name, size in (("a", 5), ("b", 50), ("c", 500)):
        queue = make_queue(name, max_size=100)
        QueueState.objects.filter(pk=queue.pk).update(size=size)
    look()
    QueueState.objects.filter(definition__name="c").update(size=500)
    Queue.objects.filter(name="a").update(paused=True)

    def names(query: str) -> list[str]:
        return [item["name"] for item in read(send("GET", f"{QUEUES}?{query}"))["items"]]

    assert names("sort=name") == ["a", "b", "c"]
    assert names("sort=size") == ["c", "a", "b"]
    assert names("") == ["c", "b", "a"]
    assert names("status=paused") == ["a"]
    assert names("q=b") == ["b"]
    assert names("entity=shop&sort=age&limit=1") == ["a"]
    first = read(send("GET", f"{QUEUES}?sort=name&limit=2"))
    assert first["has_more"]
    assert names(f"sort=name&limit=2&cursor={first['next_cursor']}") == ["c"]
    read(send("GET", f"{QUEUES}?sort=size&cursor={first['next_cursor']}"), 422)
    read(send("GET", f"{QUEUES}?colour=red"), 422)


def test_messages_are_shown_without_secrets(send: Send, emails: Queue, push: Callable[..., str]) -> None:
    push("emails", password="hush", to="ada")

    [message] = read(send("GET", f"{QUEUES}/{emails.uid}/peek"))["items"]

    assert '"to":"ada"' in message["body"]
    assert "hush" not in message["body"]
    entry = AuditEntry.objects.get(action="queue.peek")
    assert entry.after == {"messages": 1}


def test_a_purge_is_confirmed_by_the_name(send: Send, emails: Queue, push: Callable[..., str]) -> None:
    push("emails")
    push("emails")

    read(send("POST", f"{QUEUES}/{emails.uid}/purge", {"confirm": "email"}), 422)
    assert read(send("POST", f"{QUEUES}/{emails.uid}/purge", {"confirm": "emails"})) == {"count": 2}
    assert AuditEntry.objects.get(action="queue.purge").target_uid == emails.uid
    assert JournalEntry.objects.get(kind="queue.purge").message.endswith(": 2")


def test_dead_messages_are_retried_and_discarded(send: Send, emails: Queue, push: Callable[..., str]) -> None:
    first, second = push("emails:dead", number=1), push("emails:dead", number=2)
    path = f"{QUEUES}/{emails.uid}/dead"

    assert [item["key"] for item in read(send("GET", path))["items"]] == [first, second]
    assert read(send("POST", f"{path}/retry", {"keys": [first, "none"]})) == {"count": 1, "has_more": False}
    assert read(send("POST", f"{path}/discard", {"keys": [second]})) == {"count": 1, "has_more": False}
    assert read(send("GET", path))["items"] == []
    read(send("POST", f"{path}/discard", {"keys": []}), 422)


def test_dead_messages_are_retried_and_discarded_by_a_text(
    send: Send, emails: Queue, push: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for to in ("ada", "ada", "ada", "bob"):
        push("emails:dead", to=to)
    path = f"{QUEUES}/{emails.uid}/dead"
    monkeypatch.setattr(messages, "KEYS_MAX", 2)

    assert read(send("POST", f"{path}/retry", {"all": True, "contains": "ada"})) == {"count": 2, "has_more": True}
    assert read(send("POST", f"{path}/retry", {"all": True, "contains": "ada"})) == {"count": 1, "has_more": False}
    assert read(send("POST", f"{path}/discard", {"all": True, "contains": "eve"})) == {"count": 0, "has_more": False}
    assert read(send("POST", f"{path}/discard", {"all": True})) == {"count": 1, "has_more": False}
    audited = AuditEntry.objects.filter(action="queue.retry_dead").order_by("id").values_list("after", flat=True)
    assert audited[0] == {"contains": "ada", "has_more": True}


@pytest.mark.parametrize(
    "body",
    [
        {}, {"all": False}, {"all": True, "keys": ["x"]}, {"keys": ["x"], "contains": "x"},
        {"all": True, "contains": "x" * 201}, {"all": True, "contains": "\0"},
    ],
)  # fmt: skip
def test_dead_messages_that_are_not_named_in_one_way_are_refused(
    send: Send, emails: Queue, push: Callable[..., str], broker: redis.Redis, body: dict[str, Any]
) -> None:
    push("emails:dead")

    read(send("POST", f"{QUEUES}/{emails.uid}/dead/discard", body), 422)
    assert broker.llen("emails:dead") == 1


def test_the_dead_messages_of_a_stream_are_offered_to_its_group_alone(
    send: Send, make_queue: Callable[..., Queue], valkey_port: int, broker: redis.Redis
) -> None:
    fields = {"kind": "redis", "url": f"redis://127.0.0.1:{valkey_port}", "key": "jobs", "structure": "stream"}
    whole, group = make_queue("whole", **fields), make_queue("group", group="mailers", max_deliveries=2, **fields)
    entry = broker.xadd("jobs", {"to": "ada"})
    broker.xgroup_create("jobs", "mailers", id="0")
    broker.xreadgroup("mailers", "one", {"jobs": ">"})
    broker.xclaim("jobs", "mailers", "one", 0, [entry], retrycount=3)

    assert "peek_dead" not in read(send("GET", f"{QUEUES}/{whole.uid}"))["can"]
    read(send("GET", f"{QUEUES}/{whole.uid}/dead"), 409)
    assert {"peek_dead", "retry_dead", "discard_dead"} <= set(read(send("GET", f"{QUEUES}/{group.uid}"))["can"])
    [message] = read(send("GET", f"{QUEUES}/{group.uid}/dead"))["items"]
    assert (message["body"], message["headers"]["deliveries"]) == ("to: ada", "3")
    assert read(send("POST", f"{QUEUES}/{group.uid}/dead/retry", {"all": True}))["count"] == 1
    assert broker.xlen("jobs") == 1


def test_what_a_source_cannot_do_is_a_conflict(send: Send, make_queue: Callable[..., Queue], emails: Queue) -> None:
    bare = make_queue("bare")

    for path in ("peek", "dead"):
        read(send("GET", f"{QUEUES}/{bare.uid}/{path}"), 409)
    read(send("POST", f"{QUEUES}/{emails.uid}/pause"), 409)
    read(send("POST", f"{QUEUES}/{emails.uid}/resume"), 409)
    assert not AuditEntry.objects.exclude(action="queue.create").exists()


def test_a_source_that_is_away_answers_503_and_the_attempt_is_audited(
    send: Send, make_queue: Callable[..., Queue]
) -> None:
    queue = make_queue(kind=KIND, port=1, key="emails")

    answer = read(send("POST", f"{QUEUES}/{queue.uid}/purge", {"confirm": "emails"}), 503)

    assert "emails" in answer["detail"]
    assert AuditEntry.objects.filter(action="queue.purge").count() == 1
    told = JournalEntry.objects.get(kind="queue.purge")
    assert told.after == "failed"
    assert "connection refused" in told.message
    assert read_change(told).what == "emails: purge failed"


def test_an_action_is_audited_before_it_is_done(send: Send, emails: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that dies while it acts leaves a trace."""

    def count_audited() -> int:
        try:
            return AuditEntry.objects.filter(action="queue.purge", target_uid=emails.uid).count()
        finally:
            connection.close()

    async def purge(*_: Any) -> int:
        return await asyncio.to_thread(count_audited)

    monkeypatch.setattr(ListSource, "purge", purge)

    assert read(send("POST", f"{QUEUES}/{emails.uid}/purge", {"confirm": "emails"})) == {"count": 1}


def test_a_queue_whose_target_operators_stopped_is_not_touched(
    send: Send, emails: Queue, push: Callable[..., str], valkey_port: int
) -> None:
    push("emails")
    name, path = f"target:127.0.0.1:{valkey_port}", f"{QUEUES}/{emails.uid}/purge"
    own_storage().run([Operation(name, POLICY, "command", state=BreakerState.FORCED_OPEN, reason="moving")])

    answer = read(send("POST", path, {"confirm": "emails"}), 503)

    own_storage().run([Operation(name, POLICY, "command", state=BreakerState.CLOSED)])
    assert "an operator has stopped calls" in answer["detail"]
    assert read(send("POST", path, {"confirm": "emails"})) == {"count": 1}


def test_viewers_see_no_secret_and_touch_nothing(
    send_as: Callable[[Role], Send], make_queue: Callable[..., Queue], valkey_port: int
) -> None:
    queue = make_queue(kind=KIND, port=valkey_port, key="emails", password="hush")
    view, operate = send_as(Role.VIEWER), send_as(Role.OPERATOR)

    assert b"hush" not in view("GET", f"{QUEUES}/{queue.uid}").content
    read(view("GET", f"{QUEUES}/{queue.uid}/peek"), 403)
    read(view("PATCH", f"{QUEUES}/{queue.uid}", {"max_size": 1}), 403)
    read(operate("PATCH", f"{QUEUES}/{queue.uid}", {"max_size": 1}), 403)
    read(operate("POST", f"{QUEUES}/{queue.uid}/purge", {"confirm": "nothing"}), 422)


def test_a_target_that_is_never_dialled_is_refused(send: Send, shop: Entity) -> None:
    body = {"entity": "shop", "name": "x", "kind": KIND, "host": "169.254.169.254", "port": 80, "key": "x"}

    assert b"metadata" in send("POST", QUEUES, body).content
    assert not Queue.objects.exists()


def test_unreachable_is_unknown_over_the_api(
    send: Send, make_queue: Callable[..., Queue], told: ReadOnlySource, look: Callable[[], int]
) -> None:
    queue = make_queue()
    told.says = UNREACHABLE
    look()

    shown = read(send("GET", f"{QUEUES}/{queue.uid}"))
    assert (shown["status"], shown["reason"]) == ("unknown", "connection refused")

"""Dead letters on the page of a queue: told as text, put back or discarded singly or all that are shown."""

from collections.abc import Callable

import pytest
import redis
from django.http import HttpResponse
from django.test import Client

from core.models import AuditEntry
from core.permissions import Role
from ops.queues.models import Queue
from tests.fleet import HOSTILE
from tests.ops.queues.list_source import KIND

pytestmark = pytest.mark.django_db(transaction=True)

type Post = Callable[..., HttpResponse]


@pytest.fixture
def emails(make_queue: Callable[..., Queue], valkey_port: int) -> Queue:
    return make_queue(kind=KIND, port=valkey_port, key="emails")


@pytest.fixture
def dead(push: Callable[..., str]) -> list[str]:
    return [push("emails:dead", number=number, said=HOSTILE) for number in range(3)]


@pytest.fixture
def post(client_of: Callable[[Role], Client], emails: Queue) -> Post:
    client = client_of(Role.OPERATOR)

    def send(action: str, keys: list[str] | None = None) -> HttpResponse:
        path = f"/queues/{emails.uid}/{action}"
        return client.post(path, {"key": keys or []}, headers={"HX-Request": "true"})  # type: ignore[return-value]

    return send


def test_dead_letters_are_shown_as_text_with_what_can_be_done(post: Post, dead: list[str]) -> None:
    html = post("dead").content.decode()
    assert html.count("<pre") == 3
    assert "<img src=x" not in html
    assert "Retry all shown" in html
    assert "Discard 3 messages" in html


def test_one_is_put_back_and_the_others_are_discarded(
    post: Post, dead: list[str], broker: redis.Redis, emails: Queue
) -> None:
    retried = post("dead/retry", dead[:1])
    assert "Put 1 message back" in retried["HX-Trigger"]
    assert retried.content.decode().count("<pre") == 2
    assert broker.lrange("emails", 0, -1) == [dead[0].encode()]
    discarded = post("dead/discard", dead[1:])
    assert "Discarded 2 messages" in discarded["HX-Trigger"]
    assert broker.llen("emails:dead") == 0
    assert "Nothing was given up." in discarded.content.decode()
    actions = set(AuditEntry.objects.filter(target_uid=emails.uid).values_list("action", flat=True))
    assert {"queue.retry_dead", "queue.discard_dead", "queue.peek_dead"} <= actions


def test_all_that_contain_a_text_are_put_back_or_discarded(
    client_of: Callable[[Role], Client], emails: Queue, dead: list[str], broker: redis.Redis
) -> None:
    client = client_of(Role.OPERATOR)

    def send(action: str, contains: str) -> HttpResponse:
        fields = {"scope": "all", "contains": contains}
        path = f"/queues/{emails.uid}/dead/{action}"
        return client.post(path, fields, headers={"HX-Request": "true"})  # type: ignore[return-value]

    assert "Put 1 message back" in send("retry", '"number": 1')["HX-Trigger"]
    assert broker.lrange("emails", 0, -1) == [dead[1].encode()]
    assert send("discard", "x" * 201).status_code == 422
    assert "Discarded 2 messages" in send("discard", "")["HX-Trigger"]
    assert broker.llen("emails:dead") == 0


def test_without_a_message_named_nothing_is_done(post: Post, dead: list[str], broker: redis.Redis) -> None:
    assert post("dead/discard").status_code == 422
    assert broker.llen("emails:dead") == 3


def test_a_source_that_is_gone_is_told_in_words(post: Post, emails: Queue) -> None:
    Queue.objects.update(config={"port": 1, "key": "emails"})
    refused = post("peek")
    assert refused.status_code == 503
    assert "connection refused" in refused.content.decode()

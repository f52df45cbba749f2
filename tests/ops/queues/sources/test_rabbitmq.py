"""The ``rabbitmq`` source against a server that answers as the management API documents it."""

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from ops.probing.probe import ProbeFailed
from ops.queues.sources.rabbitmq import RabbitSource
from ops.queues.sources.source import Reading
from tests.ops.queues.sources import asking
from tests.ops.queues.sources.web import Asked, run_web
from tests.services import wait_for

AUTHORIZATION = "Basic " + base64.b64encode(b"guest:hush").decode()


class Broker:
    """One queue, ``mail`` of the virtual host ``/``."""

    def __init__(self) -> None:
        self.queue: Any = {
            "name": "mail", "vhost": "/", "state": "running", "messages": 10, "messages_ready": 7,
            "messages_unacknowledged": 3, "consumers": 2, "head_message_timestamp": None,
            "message_stats": {"publish": 110, "ack": 90, "deliver_no_ack": 9, "get_no_ack": 1, "deliver_get": 103},
        }  # fmt: skip
        self.asked: list[Asked] = []
        self.url = ""

    def answer(self, asked: Asked) -> tuple[int, str]:
        self.asked.append(asked)
        if asked.headers.get("Authorization") != AUTHORIZATION:
            return 401, '{"error":"not_authorized"}'
        match asked.method, asked.path:
            case "GET", "/api/queues/%2F/mail":
                return 200, json.dumps(self.queue)
            case "DELETE", "/api/queues/%2F/mail/contents":
                return 204, ""
            case "POST", "/api/queues/%2F/mail/get":
                message = {
                    "payload_bytes": 6, "redelivered": False, "exchange": "", "routing_key": "mail",
                    "message_count": 6, "payload": "[[5]]\x00", "payload_encoding": "string",
                    "properties": {
                        "timestamp": round(time.time()) - 100, "headers": {"task": "jobs.mail", "eta": "undefined"},
                    },
                }  # fmt: skip
                return 200, json.dumps([message] * min(2, asked.body["count"]))
        return 404, '{"error":"Object Not Found"}'


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    with run_web(broker.answer) as broker.url:
        yield broker


def options(broker: Broker, **fields: Any) -> dict[str, Any]:
    return {"url": broker.url, "queue": "mail", "basic_user": "guest", "basic_password": "hush", **fields}


def read(broker: Broker, source: RabbitSource | None = None) -> Reading:
    return asking.read(source or RabbitSource(), **options(broker))


def failure(broker: Broker, **fields: Any) -> str:
    return asking.failure(RabbitSource(), **options(broker, **fields)).message


def test_the_figures_of_the_broker_are_read(broker: Broker) -> None:
    assert read(broker) == Reading(size=7, consumers=2, unacked=3, added=110, removed=100)


def test_a_queue_without_statistics_has_none(broker: Broker) -> None:
    del broker.queue["message_stats"]

    assert read(broker) == Reading(size=7, consumers=2, unacked=3)


class TestAge:
    def test_is_that_of_the_message_at_the_head(self, broker: Broker) -> None:
        broker.queue["head_message_timestamp"] = round(time.time()) - 100

        assert 99 <= (read(broker).oldest_age_seconds or 0) < 160

    def test_follows_from_the_counters_without_a_timestamp(self, broker: Broker) -> None:
        source = RabbitSource()
        assert read(broker, source).oldest_age_seconds is None
        wait_for(lambda: (read(broker, source).oldest_age_seconds or 0) > 0.5)
        before = time.time()
        broker.queue["message_stats"]["publish"] += 2
        broker.queue["messages_ready"] = 2  # all that were there have gone

        assert (read(broker, source).oldest_age_seconds or 0) <= time.time() - before

    def test_starts_anew_with_the_counters(self, broker: Broker) -> None:
        source = RabbitSource()
        read(broker, source)
        broker.queue["message_stats"] = {"publish": 3}

        assert read(broker, source).oldest_age_seconds is None

    def test_an_empty_queue_has_none(self, broker: Broker) -> None:
        broker.queue |= {"messages_ready": 0, "head_message_timestamp": round(time.time()) - 100}
        source = RabbitSource()
        read(broker, source)

        assert read(broker, source).oldest_age_seconds is None


def test_messages_are_shown_and_put_back(broker: Broker) -> None:
    source = RabbitSource()
    first, _second = asking.run(source.peek, source.Config.model_validate(options(broker)), limit=5)

    assert (first.body, first.size_bytes) == ("[[5]]\ufffd", 6)
    assert 99 <= (first.age_seconds or 0) < 160
    assert first.headers["task"] == "jobs.mail"
    assert "eta" not in first.headers
    assert broker.asked[-1].body == {"count": 5, "ackmode": "ack_requeue_true", "encoding": "auto", "truncate": 16_384}


def test_a_purge_tells_what_was_ready(broker: Broker) -> None:
    source = RabbitSource()

    assert asking.run(source.purge, source.Config.model_validate(options(broker))) == 7
    assert [asked.method for asked in broker.asked] == ["GET", "DELETE"]


def test_what_the_broker_refuses_is_told(broker: Broker) -> None:
    assert failure(broker, basic_password="wrong-one") == "the user name or the password is wrong"
    assert failure(broker, queue="sms") == "there is no such queue"
    broker.queue["state"] = "down"
    assert failure(broker) == "the queue is down"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ([], "the answer is not a queue"),
        ({}, "the broker does not tell messages_ready"),
        ({"messages_ready": -1}, "the broker does not tell messages_ready"),
        ({"messages_ready": True, "message_stats": []}, "the broker does not tell messages_ready"),
    ],
)
def test_a_hostile_answer_fails(broker: Broker, answer: Any, message: str) -> None:
    broker.queue = answer

    assert failure(broker) == message


def test_no_json_fails() -> None:
    with run_web(lambda _asked: (200, "<html>")) as url:
        assert asking.failure(RabbitSource(), url=url, queue="q").message == "the answer is not JSON"
    with run_web(lambda _asked: (503, "")) as url, pytest.raises(ProbeFailed, match="answered 503"):
        asking.read(RabbitSource(), url=url, queue="q")


def test_names_are_quoted() -> None:
    config = RabbitSource.Config.model_validate({"url": "http://h:15672/", "queue": "a/b ?#%", "vhost": "v/w"})

    assert config.ask().url == "http://h:15672/api/queues/v%2Fw/a%2Fb%20%3F%23%25"  # type: ignore[attr-defined]


@pytest.mark.parametrize("fields", [{"queue": ".."}, {"queue": ""}, {"vhost": "."}, {"url": "http://h/?a=b"}])
def test_what_would_lead_elsewhere_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        RabbitSource.Config.model_validate({"url": "http://h:15672", "queue": "q", **fields})

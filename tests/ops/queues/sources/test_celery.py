"""The ``celery`` source against a stock Celery app on a Valkey."""

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from celery import Celery
from pydantic import ValidationError

from ops.queues.sources.celery import CelerySource
from ops.queues.sources.source import Reading
from tests.ops.queues.sources import asking
from tests.services import wait_for


@pytest.fixture
def source() -> CelerySource:
    """One that remembers nothing of another test."""
    return CelerySource()


@pytest.fixture
def app(broker: str, server: redis.Redis) -> Iterator[Celery]:
    app = Celery("stock", broker=f"{broker}/0", set_as_current=False)
    yield app
    app.close()


@pytest.fixture
def look(source: CelerySource, broker: str) -> Any:
    def read(**fields: Any) -> Reading:
        return asking.read(source, url=f"{broker}/0", **fields)

    return read


def uuid7(at: float) -> str:
    bits = round(at * 1_000) << 80 | uuid.uuid4().int & ((1 << 80) - 1)
    return str(uuid.UUID(int=bits & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62))


def test_an_empty_queue_is_empty(look: Any, server: redis.Redis) -> None:
    seen = look()

    assert (seen.size, seen.oldest_age_seconds, seen.consumers, seen.unacked, seen.scheduled) == (0, None, 0, 0, 0)
    assert server.keys() == []


def test_the_backlog_is_counted_by_priority(look: Any, app: Celery, server: redis.Redis) -> None:
    for priority in (0, 0, 3, 5, 9):
        app.send_task("jobs.mail", priority=priority)
    seen = look()

    assert seen.size == 5 == sum(int(server.llen(key)) for key in server.keys("celery*"))
    assert seen.parts == {"priority 0": 2, "priority 3": 2, "priority 6": 0, "priority 9": 1}


def test_the_priorities_and_the_prefix_of_the_app_are_known(look: Any, broker: str, server: redis.Redis) -> None:
    options = {"priority_steps": [0, 5], "global_keyprefix": "mine:"}
    app = Celery(broker=f"{broker}/0", set_as_current=False)
    app.conf.update(broker_transport_options=options, task_default_queue="mail")
    app.send_task("jobs.mail", priority=7)
    app.send_task("jobs.mail")
    app.close()
    seen = look(queue="mail", **options)

    assert seen.parts == {"priority 0": 1, "priority 5": 1}
    assert look(queue="mail").size == 0


class TestAge:
    @pytest.mark.parametrize("name", ["timestamp", "sent_at", "sentry-task-enqueued-time"])
    def test_is_read_from_a_stamp_in_the_message(self, look: Any, app: Celery, name: str) -> None:
        app.send_task("jobs.mail", headers={name: time.time() - 100})
        app.send_task("jobs.mail", headers={name: time.time() - 50})

        assert 100 <= look().oldest_age_seconds < 160

    def test_is_read_from_an_id_that_begins_with_the_time(self, look: Any, app: Celery) -> None:
        app.send_task("jobs.mail", task_id=uuid7(time.time() - 100))

        assert 99 <= look().oldest_age_seconds < 160

    def test_counts_from_the_eta_once_that_is_over(self, look: Any, app: Celery) -> None:
        app.send_task("jobs.mail", countdown=-30)
        app.send_task("jobs.mail", countdown=300)
        seen = look()

        assert 29 <= seen.oldest_age_seconds < 90
        assert seen.scheduled == 1

    def test_is_not_known_at_the_first_look_of_a_stock_message(self, look: Any, app: Celery) -> None:
        app.send_task("jobs.mail")

        assert look().oldest_age_seconds is None

    def test_is_that_since_the_look_by_which_the_message_had_come(self, look: Any, app: Celery) -> None:
        look()
        app.send_task("jobs.mail")
        sent_by = time.time()
        look()
        app.send_task("jobs.mail")
        seen_after = wait_for(lambda: time.time() - sent_by > 1 and time.time() - sent_by)

        assert seen_after - 0.9 <= look().oldest_age_seconds <= time.time() - sent_by

    def test_follows_the_queue_when_workers_take_from_it(self, look: Any, app: Celery, server: redis.Redis) -> None:
        look()
        for _ in range(3):
            app.send_task("jobs.mail")
        look()
        wait_for(lambda: look().oldest_age_seconds > 0.5)
        app.send_task("jobs.mail")
        before = time.time()
        look()
        server.rpop("celery", 3)

        assert look().oldest_age_seconds <= time.time() - before

    def test_starts_anew_when_all_messages_are_others(self, look: Any, app: Celery, server: redis.Redis) -> None:
        look()
        app.send_task("jobs.mail")
        look()
        wait_for(lambda: look().oldest_age_seconds > 0.5)
        before = time.time()
        server.delete("celery")
        app.send_task("jobs.mail")

        assert look().oldest_age_seconds <= time.time() - before

    def test_a_stamp_that_cannot_be_true_is_passed_over(self, look: Any, app: Celery) -> None:
        for stamp in (time.time() + 3_600, -5, "soon", [1], {"a": 1}, 1e308, True):
            app.send_task("jobs.mail", headers={"timestamp": stamp})

        assert look().oldest_age_seconds is None


def unacked(server: redis.Redis, message: Any, exchange: str = "", routing_key: str = "celery") -> None:
    """As kombu keeps what a worker has taken."""
    tag = str(uuid.uuid4())
    server.zadd("unacked_index", {tag: time.time()})
    server.hset("unacked", tag, json.dumps([json.loads(message), exchange, routing_key]))


def test_what_workers_hold_is_counted_for_this_queue_alone(look: Any, app: Celery, server: Any) -> None:
    app.send_task("jobs.mail", countdown=300)
    app.send_task("jobs.mail")
    later, plain = server.lpop("celery", 2)[::-1]
    for message in (plain, plain, later):
        unacked(server, message)
    unacked(server, plain, routing_key="other")
    server.sadd("_kombu.binding.news", "sport\x06\x16\x06\x16celery", "food\x06\x16\x06\x16other")
    server.sadd("_kombu.binding.topics", "a.*\x06\x16^a\\.[^.]+$\x06\x16celery")
    for exchange, key in (("news", "sport"), ("news", "food"), ("topics", "a.b"), ("topics", "b.b")):
        unacked(server, plain, exchange, key)
    server.hset("unacked", "hostile", "[[[")
    seen = look()

    assert (seen.unacked, seen.scheduled) == (5, 1)


def test_many_unacked_are_estimated(look: Any, app: Celery, server: Any) -> None:
    app.send_task("jobs.mail")
    message = json.loads(server.lpop("celery"))
    ours, others = (json.dumps([message, "", key]) for key in ("celery", "other"))
    server.hset("unacked", mapping={str(number): ours if number % 2 else others for number in range(5_000)})

    assert 2_000 < look().unacked < 3_000


class TestActions:
    def test_the_next_messages_are_shown_and_stay(
        self, source: CelerySource, broker: str, app: Celery, server: Any
    ) -> None:
        for number in range(3):
            app.send_task("jobs.mail", args=(number,), headers={"timestamp": time.time() - 10})
        app.send_task("jobs.urgent", priority=9)
        config = asking.config(source, url=f"{broker}/0")
        messages = asking.run(source.peek, config, limit=2)

        assert [json.loads(message.body)[0] for message in messages] == [[0], [1]]
        assert messages[0].headers["task"] == "jobs.mail"
        assert 10 <= (messages[0].age_seconds or 0) < 70
        assert messages[0].size_bytes == len(server.lindex("celery", -1))
        assert asking.run(source.peek, config, limit=50)[-1].headers["task"] == "jobs.urgent"
        assert server.llen("celery") == 3

    def test_what_is_no_message_is_shown_as_it_is(self, source: CelerySource, broker: str, server: Any) -> None:
        server.lpush("celery", b"\xff\x00{", "[1]", '{"body": 5, "headers": 3, "properties": []}', "[" * 50_000)
        config = asking.config(source, url=f"{broker}/0")
        messages = asking.run(source.peek, config, limit=10)

        assert [message.body[:3] for message in messages] == ["\ufffd\ufffd{", "[1]", "5", "[[["]
        assert asking.read(source, url=f"{broker}/0").size == 4

    def test_a_huge_message_is_read_at_its_ends(
        self, source: CelerySource, broker: str, app: Celery, server: Any
    ) -> None:
        app.send_task("jobs.mail", args=("x" * 2_000_000,), headers={"sent_at": time.time() - 10})
        config = asking.config(source, url=f"{broker}/0")

        assert (asking.run(source.read, config).oldest_age_seconds or 0) >= 10
        (message,) = asking.run(source.peek, config, limit=1)
        assert message.headers["task"] == "jobs.mail"
        assert message.size_bytes == len(server.lindex("celery", -1))

    def test_a_purge_empties_all_priorities_and_nothing_else(
        self, source: CelerySource, broker: str, app: Celery, server: Any
    ) -> None:
        for priority in (0, 3, 9):
            app.send_task("jobs.mail", priority=priority)
        server.lpush("other", "x")
        config = asking.config(source, url=f"{broker}/0")

        assert asking.run(source.purge, config) == 3
        assert asking.run(source.purge, config) == 0
        assert server.llen("other") == 1


class TestFields:
    @pytest.mark.parametrize(
        "url",
        ["redis://:hush@h/0", "redis://u:p@h", "http://h", "redis://", "redis://h/x", "redis://h:0", "redis://h:99999",
         "redis://x..y", "redis://[:]", "redis://h/0?db=3", "redis://h\n/0", "unix:///tmp/s"],
    )  # fmt: skip
    def test_refuses_other_addresses(self, source: CelerySource, url: str) -> None:
        with pytest.raises(ValidationError) as caught:
            source.Config.model_validate({"url": url, "queue": "q"})
        assert "hush" not in str(caught.value.errors(include_input=False))

    @pytest.mark.parametrize("steps", [[], [3, 0], [0, 0], [-1], [0, 300]])
    def test_refuses_other_steps(self, source: CelerySource, steps: list[int]) -> None:
        with pytest.raises(ValidationError):
            source.Config.model_validate({"url": "redis://h", "priority_steps": steps})

    def test_names_whom_it_dials(self, source: CelerySource) -> None:
        config = asking.config(source, url="rediss://[::1]/3")

        assert [(target.host, target.port) for target in source.targets(config)] == [("::1", 6379)]
        assert config.database == 3


def test_a_wrong_password_fails_without_telling_it(source: CelerySource, broker: str, server: Any) -> None:
    server.config_set("requirepass", "hush")

    assert asking.read(source, url=broker, password="hush").size == 0
    failed = asking.failure(source, url=broker, password="wrong-one")
    assert failed.message.startswith("AUTH is refused: WRONGPASS")
    assert "NOAUTH" in asking.failure(source, url=broker).message


def test_a_key_of_another_type_fails(source: CelerySource, broker: str, server: Any) -> None:
    server.set("celery", "x")

    assert "WRONGTYPE" in asking.failure(source, url=broker).message


def test_consumers_are_unknown_while_a_worker_does_not_answer(look: Any, server: Any) -> None:
    busy = server.pubsub()
    busy.subscribe("/0.celery.pidbox")
    wait_for(lambda: server.pubsub_numsub("/0.celery.pidbox")[0][1])
    seen = look()
    busy.close()

    assert (seen.size, seen.consumers) == (0, None)
    assert server.keys() == []

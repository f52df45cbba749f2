"""The ``redis`` source against a Valkey."""

import json
import socket
import time
from typing import Any

import pytest
import redis
from pydantic import ValidationError

from ops.probing.probe import ProbeFailed
from ops.queues.sources.abilities import abilities_of
from ops.queues.sources.redis import RedisSource
from ops.queues.sources.source import Reading
from tests.ops.health.peers import run_peer
from tests.ops.queues.sources import asking

SOURCE = RedisSource()


@pytest.fixture
def look(broker: str, server: redis.Redis) -> Any:
    def read(**fields: Any) -> Reading:
        return asking.read(SOURCE, url=f"{broker}/0", key="jobs", **fields)

    return read


def config(broker: str, **fields: Any) -> Any:
    return SOURCE.Config.model_validate({"url": f"{broker}/0", "key": "jobs", **fields})


class TestList:
    def test_is_counted(self, look: Any, server: redis.Redis) -> None:
        assert look().size == 0
        server.lpush("jobs", *range(7))
        assert look() == Reading(7)

    @pytest.mark.parametrize("next_at", ["left", "right"])
    def test_the_age_is_in_the_next_message(self, look: Any, server: redis.Redis, next_at: str) -> None:
        push = server.lpush if next_at == "right" else server.rpush
        push("jobs", json.dumps({"at": time.time() - 100}), json.dumps({"at": time.time() - 5}))

        assert 100 <= look(time_field="at", next_at=next_at).oldest_age_seconds < 160

    @pytest.mark.parametrize("message", ["x", "[]", "{}", '{"at": "never"}', "[" * 50_000, b"\xff"])
    def test_a_message_without_a_time_has_no_age(self, look: Any, server: redis.Redis, message: str) -> None:
        server.lpush("jobs", message)

        assert look(time_field="at") == Reading(1, None)

    def test_messages_are_shown_and_purged(self, broker: str, server: redis.Redis) -> None:
        server.lpush("jobs", "first", b"\xffsecond")
        messages = asking.run(SOURCE.peek, config(broker), limit=5)

        assert [(message.body, message.size_bytes) for message in messages] == [("first", 5), ("\ufffdsecond", 7)]
        assert asking.run(SOURCE.peek, config(broker, next_at="left"), limit=1)[0].body == "\ufffdsecond"
        assert asking.run(SOURCE.purge, config(broker)) == 2
        assert server.llen("jobs") == 0


class TestStream:
    def test_without_a_group_it_is_its_length(self, look: Any, server: Any) -> None:
        assert look(structure="stream") == Reading(0)
        for at in (time.time() - 100, time.time() - 5):
            server.xadd("jobs", {"a": 1}, id=f"{round(at * 1_000)}-0")
        seen = look(structure="stream")

        assert (seen.size, seen.added, seen.consumers, seen.unacked, dict(seen.parts)) == (2, 2, 0, None, {})
        assert 99 <= seen.oldest_age_seconds < 160

    def test_of_a_group_it_is_what_that_has_not_got(self, look: Any, server: Any) -> None:
        for age in (300, 200, 100):
            server.xadd("jobs", {"a": age}, id=f"{round((time.time() - age) * 1_000)}-0")
        server.xgroup_create("jobs", "mailers", id="0")
        server.xgroup_create("jobs", "others", id="$")
        assert look(structure="stream", group="mailers").size == 3
        server.xreadgroup("mailers", "one", {"jobs": ">"}, count=2)
        seen = look(structure="stream", group="mailers")

        assert (seen.size, seen.unacked, seen.consumers, seen.dead) == (1, 2, 1, 0)
        assert 299 <= seen.oldest_age_seconds < 360
        server.xack("jobs", "mailers", *[entry[0] for entry in server.xrange("jobs", count=2)])
        assert 99 <= look(structure="stream", group="mailers").oldest_age_seconds < 160
        assert look(structure="stream").parts == {"mailers": 1, "others": 0}

    def test_a_group_that_is_up_to_date_has_no_age(self, look: Any, server: Any) -> None:
        server.xadd("jobs", {"a": 1})
        server.xgroup_create("jobs", "mailers", id="$")

        seen = look(structure="stream", group="mailers")
        assert (seen.size, seen.oldest_age_seconds) == (0, None)

    def test_the_lag_is_counted_where_the_server_cannot_tell_it(self, look: Any, server: Any) -> None:
        ids = [server.xadd("jobs", {"a": number}) for number in range(5)]
        server.xgroup_create("jobs", "mailers", id=ids[0])
        server.xdel("jobs", ids[2])

        assert look(structure="stream", group="mailers").size == 3

    def test_what_was_delivered_too_often_is_dead(self, look: Any, server: Any) -> None:
        entry = server.xadd("jobs", {"a": 1})
        server.xgroup_create("jobs", "mailers", id="0")
        server.xreadgroup("mailers", "one", {"jobs": ">"})
        for _ in range(3):
            server.xclaim("jobs", "mailers", "two", 0, [entry])

        assert look(structure="stream", group="mailers", max_deliveries=3).dead == 1
        assert look(structure="stream", group="mailers").dead == 0

    def test_a_group_that_does_not_exist_fails(self, broker: str, server: Any) -> None:
        options: dict[str, Any] = {"url": broker, "key": "jobs", "structure": "stream", "group": "nobody"}
        assert "does not exist" in asking.failure(SOURCE, **options).message
        server.xadd("jobs", {"a": 1})
        assert asking.failure(SOURCE, **options).message == "there is no group nobody"

    def test_messages_are_shown_and_purged_but_not_the_groups(self, broker: str, server: Any) -> None:
        first = server.xadd("jobs", {"a": 1, "b": b"\xff"})
        server.xadd("jobs", {"a": 2})
        server.xgroup_create("jobs", "mailers", id=first)
        message, _second = asking.run(SOURCE.peek, config(broker, structure="stream"), limit=5)

        assert (message.key, message.body) == (first.decode(), "a: 1\nb: \ufffd")
        (message,) = asking.run(SOURCE.peek, config(broker, structure="stream", group="mailers"), limit=5)
        assert message.headers == {"a": "2"}
        assert asking.run(SOURCE.purge, config(broker, structure="stream")) == 2
        assert server.xlen("jobs") == 0
        assert len(server.xinfo_groups("jobs")) == 1


@pytest.fixture
def dead(server: Any) -> list[str]:
    """Ids of three entries that a group got four times."""
    ids = [server.xadd("jobs", {"to": name, "raw": b"\xff\x00"}).decode() for name in ("ada", "bob", "eve")]
    server.xgroup_create("jobs", "mailers", id="0")
    server.xreadgroup("mailers", "one", {"jobs": ">"})
    for _ in range(3):
        server.xclaim("jobs", "mailers", "two", 0, ids)
    return ids


class TestDeadLetters:
    """Those of a consumer group that got them more than three times."""

    @pytest.fixture
    def group(self, broker: str) -> Any:
        return config(broker, structure="stream", group="mailers", max_deliveries=3)

    def test_only_a_group_has_any(self) -> None:
        assert "peek_dead" in abilities_of(SOURCE, {"structure": "stream", "group": "mailers"})
        for fields in ({}, {"structure": "sorted_set"}, {"structure": "stream"}):
            assert abilities_of(SOURCE, fields) == {"peek", "purge"}

    def test_they_are_shown(self, group: Any, dead: list[str]) -> None:
        first, _second = asking.run(SOURCE.peek_dead, group, limit=2)

        assert (first.key, first.body) == (dead[0], "to: ada\nraw: \ufffd\ufffd")
        assert (first.headers["deliveries"], first.headers["consumer"]) == ("4", "two")
        assert first.headers["idle"].endswith(" s")
        assert first.age_seconds is not None

    def test_retried_they_are_new_entries_at_the_end(self, group: Any, dead: list[str], server: Any) -> None:
        assert asking.run(SOURCE.retry_dead, group, keys=[dead[0], dead[0], "0-1", "no id", f"{1 << 64}-0"]) == 1

        *old, (copy_id, copy) = server.xrange("jobs")
        assert [entry_id.decode() for entry_id, _fields in old] == dead[1:]
        assert copy == {b"to": b"ada", b"raw": b"\xff\x00"}
        seen = asking.run(SOURCE.read, group)
        assert (seen.size, seen.dead) == (1, 2)
        [[_key, [(delivered, _fields)]]] = server.xreadgroup("mailers", "one", {"jobs": ">"})
        assert delivered == copy_id

    def test_discarded_they_are_gone(self, group: Any, dead: list[str], server: Any) -> None:
        assert asking.run(SOURCE.discard_dead, group, keys=dead[:2]) == 2

        assert [entry_id.decode() for entry_id, _fields in server.xrange("jobs")] == dead[2:]
        assert server.xpending("jobs", "mailers")["pending"] == 1

    def test_what_another_group_may_want_stays(self, group: Any, dead: list[str], server: Any) -> None:
        server.xgroup_create("jobs", "others", id="0")

        assert asking.run(SOURCE.discard_dead, group, keys=dead) == 3
        assert (server.xlen("jobs"), server.xpending("jobs", "mailers")["pending"]) == (3, 0)

    def test_what_is_not_dead_is_left_alone(self, group: Any, dead: list[str], server: Any) -> None:
        alive = server.xadd("jobs", {"to": "zoe"}).decode()
        server.xreadgroup("mailers", "one", {"jobs": ">"})
        server.xack("jobs", "mailers", dead[0])

        assert asking.run(SOURCE.find_dead, group, contains="", limit=10) == dead[1:]
        for act in (SOURCE.retry_dead, SOURCE.discard_dead):
            assert asking.run(act, group, keys=[dead[0], alive]) == 0
        assert server.xlen("jobs") == 4

    def test_they_are_found_by_a_text_that_is_no_pattern(self, group: Any, dead: list[str]) -> None:
        found = {
            text: asking.run(SOURCE.find_dead, group, contains=text, limit=2)
            for text in ("", "to: bob", ".", "%", "zoe", "\udcff")
        }

        assert found == {"": dead[:2], "to: bob": [dead[1]], ".": [], "%": [], "zoe": [], "\udcff": dead[:2]}

    def test_of_one_that_was_deleted_only_the_delivery_is_left(self, group: Any, dead: list[str], server: Any) -> None:
        server.xdel("jobs", dead[0])

        message = asking.run(SOURCE.peek_dead, group, limit=1)[0]
        assert (message.key, message.body, message.headers["entry"]) == (dead[0], "", "deleted from the stream")
        assert asking.run(SOURCE.find_dead, group, contains="ada", limit=10) == []
        assert asking.run(SOURCE.retry_dead, group, keys=dead[:1]) == 0
        assert (server.xlen("jobs"), server.xpending("jobs", "mailers")["pending"]) == (2, 2)

    def test_many_are_found_and_retried_page_by_page(self, group: Any, server: Any) -> None:
        for number in range(450):
            server.xadd("jobs", {"number": number})
        server.xgroup_create("jobs", "mailers", id="0")
        server.xreadgroup("mailers", "one", {"jobs": ">"})
        ids = [entry_id.decode() for entry_id, _fields in server.xrange("jobs")]
        server.xclaim("jobs", "mailers", "two", 0, ids, retrycount=9)

        found = asking.run(SOURCE.find_dead, group, contains="", limit=1_000)
        assert found == ids
        assert asking.run(SOURCE.find_dead, group, contains="449", limit=1_000) == ids[-1:]
        assert asking.run(SOURCE.retry_dead, group, keys=found) == 450
        assert [int(fields[b"number"]) for _id, fields in server.xrange("jobs")] == list(range(450))

    def test_a_group_that_does_not_exist_fails(self, group: Any, server: Any) -> None:
        with pytest.raises(ProbeFailed, match="NOGROUP"):
            asking.run(SOURCE.peek_dead, group, limit=1)


class TestSortedSet:
    def test_is_counted(self, look: Any, server: redis.Redis) -> None:
        assert look(structure="sorted_set").size == 0
        server.zadd("jobs", {"a": 1, "b": 2})
        assert look(structure="sorted_set") == Reading(2)

    @pytest.mark.parametrize("unit", [1, 1_000])
    def test_scores_may_be_times(self, look: Any, server: redis.Redis, unit: int) -> None:
        server.zadd("jobs", {"a": (time.time() - 100) * unit, "b": (time.time() + 900) * unit})
        came, due = look(structure="sorted_set", score="time"), look(structure="sorted_set", score="due")

        assert (came.size, came.scheduled, due.size, due.scheduled) == (2, None, 1, 1)
        assert 99 <= came.oldest_age_seconds < 160
        assert 99 <= due.oldest_age_seconds < 160

    def test_what_is_not_due_has_no_age(self, look: Any, server: redis.Redis) -> None:
        server.zadd("jobs", {"b": time.time() + 900})
        seen = look(structure="sorted_set", score="due")

        assert (seen.size, seen.scheduled, seen.oldest_age_seconds) == (0, 1, None)

    def test_messages_are_shown_and_purged(self, broker: str, server: redis.Redis) -> None:
        server.zadd("jobs", {"a": 2, "b": 1})
        messages = asking.run(SOURCE.peek, config(broker, structure="sorted_set"), limit=5)

        assert [(message.body, message.headers) for message in messages] == [
            ("b", {"score": "1"}),
            ("a", {"score": "2"}),
        ]
        assert asking.run(SOURCE.purge, config(broker, structure="sorted_set")) == 2


@pytest.mark.parametrize("structure", ["list", "stream", "sorted_set"])
def test_a_key_of_another_type_fails_and_is_not_purged(broker: str, server: redis.Redis, structure: str) -> None:
    server.set("jobs", "x")

    assert "WRONGTYPE" in asking.failure(SOURCE, url=broker, key="jobs", structure=structure).message
    with pytest.raises(Exception, match="WRONGTYPE"):
        asking.run(SOURCE.purge, config(broker, structure=structure))
    assert server.get("jobs") == b"x"


def test_a_wrong_password_fails(broker: str, server: redis.Redis) -> None:
    server.config_set("requirepass", "hush")

    failed = asking.failure(SOURCE, url=broker, key="jobs", password="wrong-one")
    assert failed.message.startswith("AUTH is refused: WRONGPASS")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"", "connection closed without an answer"),
        (b"HTTP/1.1 200 OK\r\n", "the answer is not Redis"),
        (b"$5\r\nabcde\r\n", "the answer is not a number"),
        (b":-5\r\n", "the answer is not a number"),
        (b"*99999999\r\n", "the answer is not Redis"),
        (b"*1\r\n" * 50, "the answer is not Redis"),
    ],
)
def test_a_hostile_peer_fails(answer: bytes, message: str) -> None:
    def speak(connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(answer)

    with run_peer(speak) as port:
        assert asking.failure(SOURCE, url=f"redis://127.0.0.1:{port}", key="jobs").message == message


def test_a_silent_peer_is_given_up(broker: str) -> None:
    def listen(connection: socket.socket) -> None:
        while connection.recv(100):
            pass

    with run_peer(listen) as port:
        failed = asking.failure(SOURCE, url=f"redis://127.0.0.1:{port}", key="jobs", timeout=0.5)

    assert failed.message == "timed out after 500 ms while waiting for the answer"


@pytest.mark.parametrize(
    "fields", [{"group": "g"}, {"score": "time"}, {"structure": "stream", "time_field": "x"}, {"key": ""}]
)
def test_fields_of_another_structure_are_refused(fields: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        SOURCE.Config.model_validate({"url": "redis://h", "key": "jobs", **fields})

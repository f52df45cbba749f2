"""What anybody who knows a DSN can send to a real instance: floods, bombs and half requests.

The promise: "ingest holds a 10x burst with 202/429 only and RSS growth under 100 MB; compressed bombs, 100k-deep JSON,
100k tags, NaN, truncated streams: 4xx in under a second, never 5xx".
"""

import gzip
import http.client
import json
import socket
import threading
import uuid
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import brotli
import pytest

from tests.faults.watched import Watched, watched
from tests.services import wait_for

pytestmark = pytest.mark.long

PER_MINUTE = 300
GROWTH_MAX = 100_000_000
KEY = "c0ffee" * 5 + "42"
BOMB = b"\0" * 200_000_000
TAGS = json.dumps({"tags": {str(number): "" for number in range(100_000)}}).encode()


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with watched(tmp_path_factory.mktemp("watched")) as instance:
        instance.execute(
            "INSERT INTO ops_errorkey (entity_id, public_key, label, per_minute, created_at, created_by) "
            f"SELECT id, '{KEY}', '', {PER_MINUTE}, CURRENT_TIMESTAMP, 'test' FROM entities_entity "
            "WHERE name = 'watched-0'"
        )
        yield instance


type Post = Callable[..., int]


@pytest.fixture(scope="module")
def project(one: Watched) -> int:
    return int(one.rows(f"SELECT id FROM ops_errorkey WHERE public_key = '{KEY}'")[0][0])


def poster(one: Watched, project: int) -> Post:
    """A client with one connection; gives the status."""
    client = http.client.HTTPConnection("127.0.0.1", one.instance.port, timeout=20)

    def post(body: bytes, encoding: str = "") -> int:
        headers = {"X-Sentry-Auth": f"Sentry sentry_version=7, sentry_key={KEY}"}
        if encoding:
            headers["Content-Encoding"] = encoding
        try:
            client.request("POST", f"/api/{project}/envelope/", body, headers)
            response = client.getresponse()
            response.read()
        except OSError:  # refused by its stated length before it was sent; the answer may be lost with the connection
            client.close()
            return 0
        return response.status

    return post


def envelope(**fields: Any) -> bytes:
    frames = [{"function": f"call_{n}", "module": "app", "in_app": True, "lineno": n} for n in range(60)]
    raised = {"type": "ValueError", "value": "x" * 5_000, "stacktrace": {"frames": frames}}
    payload = {"event_id": uuid.uuid4().hex, "exception": {"values": [raised]}, **fields}
    return b'{}\n{"type": "event"}\n' + json.dumps(payload).encode()


def memory_of_web(one: Watched) -> int:
    return sum(process.memory_info().rss for process in one.family("web"))


def flood(one: Watched, project: int, *, times: int) -> Counter[int]:
    seen, lock, body = Counter[int](), threading.Lock(), gzip.compress(envelope())

    def work() -> None:
        post = poster(one, project)
        for _ in range(times // 8):
            status = post(body, "gzip")
            with lock:
                seen[status] += 1

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work) for _ in range(8)]:
            done.result()
    return seen


def test_bombs_and_nonsense_are_refused_and_leave_no_memory_behind(one: Watched, project: int) -> None:
    post = poster(one, project)
    assert post(envelope()) == 200
    before = memory_of_web(one)
    head = b'{}\n{"type": "event"}\n'
    hostile = {
        "gzip bomb": (gzip.compress(BOMB), "gzip", 413),
        "deflate bomb": (zlib.compress(BOMB), "deflate", 413),
        "brotli bomb": (brotli.compress(BOMB, quality=3), "br", 413),
        "deep": (gzip.compress(head + b"[" * 100_000), "gzip", 422),
        "deep header": (b'{"a":' * 100_000, "", 422),
        "tags": (
            gzip.compress(head + json.dumps({"tags": {str(n): "" for n in range(100_000)}}).encode()),
            "gzip",
            413,
        ),
        "NaN": (head + b'{"a": NaN}', "", 422),
        "cut off": (gzip.compress(envelope())[:-20], "gzip", 422),
        "lines": (gzip.compress(b"\n" * 4_000_000), "gzip", 422),
        "headers": (gzip.compress(b'{"type": "x"}\n' * 740_000), "gzip", 413),
    }
    for _ in range(5):
        assert {name: post(body, encoding) for name, (body, encoding, _) in hostile.items()} == {
            name: status for name, (_, _, status) in hostile.items()
        }
    assert memory_of_web(one) - before < GROWTH_MAX
    assert post(envelope()) == 200


def test_a_body_that_ends_too_soon_holds_up_nobody(one: Watched, project: int) -> None:
    request = (
        f"POST /api/{project}/envelope/?sentry_key={KEY} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n"
    )
    with ExitStack() as opened:
        halves = [
            opened.enter_context(socket.create_connection(("127.0.0.1", one.instance.port), timeout=20))
            for _ in range(50)
        ]
        for half in halves:
            half.sendall(request.encode() + b'{}\n{"type": "event"}\n{"mess')
        assert poster(one, project)(envelope()) in {200, 429}
        status, _, seconds = one.get("/")
        assert (status, seconds < 1) == (200, True)
        assert {half.recv(12) for half in halves} == {b"HTTP/1.1 408"}
    assert poster(one, project)(envelope()) in {200, 429}


def test_ten_times_the_quota_is_taken_up_to_it_and_refused_beyond(one: Watched, project: int) -> None:
    flood(one, project, times=80)
    before = memory_of_web(one)

    seen = flood(one, project, times=10 * PER_MINUTE)

    assert set(seen) <= {200, 429}
    assert seen[429] > seen[200]
    assert memory_of_web(one) - before < GROWTH_MAX
    assert one.get("/errors")[0] == 200
    wait_for(lambda: one.rows("SELECT count(*) FROM ops_spooledevent")[0][0] == 0, seconds=60, what="an empty spool")
    one.wait_for_results(seconds=60)

"""A flood of events: what is over the quota is told so, nothing fails, and memory stays where it was."""

import threading
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
import redis
import time_machine
from django.db import connection
from django.test import Client

from core.errors import RateLimited
from ops.errors import ingest
from ops.errors.models import ErrorKey, SpooledEvent
from tests.ops.errors.conftest import envelope, event

QUOTA = 60
GROWTH_MAX = 100_000_000


def _flood(key: ErrorKey, *, times: int) -> Counter[int]:
    client, lock, seen = Client(), threading.Lock(), Counter[int]()
    body = zlib.compress(envelope(event(value="x" * 5_000, functions=tuple(f"call_{n}" for n in range(50)))))

    def post() -> None:
        response = client.post(
            f"/api/{key.pk}/envelope/?sentry_key={key.public_key}", body, content_type="application/octet-stream",
            headers={"Content-Encoding": "deflate"},
        )  # fmt: skip
        with lock:
            seen[response.status_code] += 1

    def work() -> None:
        for _ in range(times // 4):
            post()
        connection.close()

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work) for _ in range(4)]:
            done.result()
    return seen


@pytest.mark.django_db(transaction=True)
def test_ten_times_the_quota_is_answered_with_200_and_429_only(key: ErrorKey) -> None:
    ErrorKey.objects.filter(pk=key.pk).update(per_minute=QUOTA)
    _flood(key, times=4)
    before = psutil.Process().memory_info().rss
    seen = _flood(key, times=10 * QUOTA)
    assert set(seen) == {200, 429}
    assert QUOTA - 4 <= seen[200] <= 2 * QUOTA  # a minute may end within
    assert SpooledEvent.objects.count() <= 2 * QUOTA
    assert psutil.Process().memory_info().rss - before < GROWTH_MAX


def test_a_redis_that_is_gone_is_asked_once_and_holds_up_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    was_locked = []

    def hang(*_arguments: object) -> int:
        was_locked.append(ingest._lock.locked())
        raise redis.TimeoutError("no answer")

    monkeypatch.setattr(ingest, "_count", hang)
    monkeypatch.setattr(ingest, "REDIS_RETRY_SECONDS", 600.0)
    for key_id in (1, 2):
        for _ in range(5):
            ingest.require_quota(ingest.Sender(key_id, entity_id=1, per_minute=60), events=1)
    assert was_locked == [False]


def test_a_minute_that_is_used_up_is_not_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def count(_key: str, events: int) -> int:
        asked.append(events)
        return sum(asked)

    monkeypatch.setattr(ingest, "_count", count)
    sender = ingest.Sender(key_id=1, entity_id=1, per_minute=2)
    with time_machine.travel(1_800_000_000, tick=False):
        for _ in range(2):
            ingest.require_quota(sender, events=1)
        for _ in range(5):
            with pytest.raises(RateLimited):
                ingest.require_quota(sender, events=1)
    assert asked == [1, 1]


@pytest.mark.django_db(transaction=True)
def test_without_redis_a_process_counts_by_itself(key: ErrorKey, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_arguments: object) -> int:
        raise redis.ConnectionError("away")

    monkeypatch.setattr(ingest, "_count", away)
    ErrorKey.objects.filter(pk=key.pk).update(per_minute=5)
    seen = _flood(key, times=40)
    assert set(seen) == {200, 429}
    assert 5 <= seen[200] <= 10

"""A flood of events: what is over the quota is told so, nothing fails, and memory stays where it was."""

import threading
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
import redis
from django.db import connection
from django.test import Client

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


@pytest.mark.django_db(transaction=True)
def test_without_redis_a_process_counts_by_itself(key: ErrorKey, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_arguments: object) -> int:
        raise redis.ConnectionError("away")

    monkeypatch.setattr(ingest, "_count", away)
    ErrorKey.objects.filter(pk=key.pk).update(per_minute=5)
    seen = _flood(key, times=40)
    assert set(seen) == {200, 429}
    assert 5 <= seen[200] <= 10

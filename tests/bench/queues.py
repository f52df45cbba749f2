"""What a look at a queue costs: claimed, read from a real Valkey, judged, stored."""

import itertools
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import redis

from core.egress import current_policy
from ops.queues.engine.sampling import SampledQueues
from ops.queues.models import QueueState
from ops.sampling.sampler import Sampler
from tests.bench.figures import Contender, Figure, compare
from tests.bench.fleet import add_sampled_queues, clear_fleet, make_due
from tests.bench.setting import Setting
from tests.services import free_port, run_valkey

QUEUES = 600
MESSAGES = 20
BUDGET_MS = 1.0
"""5,000 queues each minute are then 8 % of a core."""


def measure_queues(setting: Setting) -> Iterator[Figure]:
    with (
        tempfile.TemporaryDirectory(prefix="qd-", dir="/tmp") as folder,
        run_valkey(Path(folder), port=free_port()) as url,
    ):
        _fill(url)
        lists = [{"url": url, "key": f"jobs:{number}"} for number in range(QUEUES)]
        cost = _measure(setting, "redis", lists)
        yield Figure(f"List on Valkey, looked at, judged and stored, {setting.where}", "ms", cost, budget=BUDGET_MS)
        tasks = [{"url": url, "queue": f"jobs:{number}"} for number in range(QUEUES)]
        yield Figure(f"Celery queue, likewise, {setting.where}", "ms", _measure(setting, "celery", tasks))
    clear_fleet()


def _fill(url: str) -> None:
    """Messages as Celery writes them."""
    client = redis.Redis.from_url(url)
    body = "W1sxXSwge30sIHsiY2FsbGJhY2tzIjogbnVsbH1d"
    message = json.dumps({"body": body, "headers": {"task": "shop.send", "id": "7"}, "properties": {"priority": 0}})
    for number in range(QUEUES):
        client.lpush(f"jobs:{number}", *itertools.repeat(message, MESSAGES))
    client.close()


def _measure(setting: Setting, kind: str, configs: Iterable[Mapping[str, object]]) -> float:
    """Milliseconds of CPU for one look."""
    clear_fleet()
    ids = add_sampled_queues(kind, configs)
    sampler = Sampler(SampledQueues(), current_policy())
    try:
        contender = Contender(kind, _looking(sampler.run_due), prepare=lambda: make_due(ids, QueueState))
        return compare([contender], rounds=setting.rounds)[kind] * 1_000
    finally:
        sampler.close()


def _looking(run_due: Callable[[], int]) -> Callable[[], int]:
    def run() -> int:
        looks = run_due()
        assert looks == QUEUES, looks
        assert QueueState.objects.filter(size=MESSAGES).count() == QUEUES
        return looks

    return run

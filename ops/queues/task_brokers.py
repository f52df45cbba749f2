"""The brokers whose apps are listened to: those of the ``celery`` queues, each once."""

from typing import NamedTuple

from ops.queues.broker_key import broker_key
from ops.queues.models import Queue
from ops.queues.prepared import prepare_queue
from ops.queues.selectors import effective
from ops.queues.sources.celery import CeleryQueueConfig, CelerySource

BROKERS_MAX = 20
_QUEUES_MAX = 2_000


class Broker(NamedTuple):
    """``key`` tells it from others: the address without secrets, and the key prefix of the app."""

    key: str
    config: CeleryQueueConfig


def find_brokers() -> list[Broker]:
    """Those of the oldest queues, at most ``BROKERS_MAX``. The oldest queue at a broker tells how to sign in."""
    queues = Queue.objects.filter(kind=CelerySource.name).exclude(effective.is_paused()).order_by("pk")[:_QUEUES_MAX]
    found: dict[str, Broker] = {}
    for queue in queues:
        key = broker_key(queue.config)
        if not key or key in found or len(found) == BROKERS_MAX:
            continue
        config = prepare_queue(queue).config
        if isinstance(config, CeleryQueueConfig):
            found[key] = Broker(key, config)
    return list(found.values())

"""The sources of queues. A new one is one file here and one registration below."""

import inspect
import re

from core.registry import Registry
from ops.probing.config import KindConfig
from ops.queues.sources.abilities import METHODS
from ops.queues.sources.celery import CelerySource
from ops.queues.sources.outbox import OutboxSource
from ops.queues.sources.prometheus import PrometheusSource
from ops.queues.sources.rabbitmq import RabbitSource
from ops.queues.sources.redis import RedisSource
from ops.queues.sources.source import QueueSource
from ops.queues.sources.sql import SqlSource

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
COMMON_FIELDS = frozenset(
    {
        "name", "kind", "entity", "interval", "timeout", "paused",
        "max_size", "max_age", "warn_size", "warn_age", "min_consumers", "breach_within",
    }
)  # fmt: skip
"""Fields of every queue; a source's own may not be called so."""


def validate_source(source: QueueSource) -> None:
    """Raise ``ValueError`` for a source that could not be sampled, or with half of an ability."""
    if not _NAME.fullmatch(source.name):
        raise ValueError(f"a source's name is 1 to 32 of a-z, 0-9, _ and -, not {source.name!r}")
    if not issubclass(source.Config, KindConfig):
        raise ValueError(f"{source.name}: Config must be a KindConfig")  # noqa: TRY004 - one error for all
    if unknown := source.Config.meaningless - COMMON_FIELDS:
        raise ValueError(f"{source.name}: no fields of every queue: {', '.join(sorted(unknown))}")
    if taken := COMMON_FIELDS & set(source.Config.model_fields):
        raise ValueError(f"{source.name}: fields of every queue: {', '.join(sorted(taken))}")
    if not inspect.iscoroutinefunction(source.read):
        raise ValueError(f"{source.name}: read must be a coroutine function")
    for ability, names in METHODS:
        methods = [getattr(source, name) for name in names if hasattr(source, name)]
        if methods and len(methods) < len(names):
            raise ValueError(f"{source.name}: {ability.__name__} takes {', '.join(names)}")
        if not all(inspect.iscoroutinefunction(method) for method in methods):
            raise ValueError(f"{source.name}: {', '.join(names)} must be coroutine functions")


def register_source(source: QueueSource) -> None:
    SOURCES.register(source.name, source)


SOURCES: Registry[QueueSource] = Registry("queue source", validate=validate_source)
register_source(CelerySource())
register_source(RedisSource())
register_source(SqlSource())
register_source(PrometheusSource())
register_source(RabbitSource())
register_source(OutboxSource())

"""Asking one source as the sampler does: on a uvloop, with a policy that opens loopback alone."""

import ipaddress
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvloop

from core.egress import AddressPolicy
from core.text import STORED
from ops.probing.probe import ProbeContext, ProbeFailed
from ops.queues.sources.source import QueueSource, Reading

LOOPBACK = AddressPolicy(allow=(ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")))


def run[T](action: Callable[..., Awaitable[T]], config: Any, *, timeout: float = 10, **options: Any) -> T:
    async def act() -> T:
        return await action(config, ProbeContext(timeout, LOOPBACK), **options)

    return uvloop.run(act())


def read(source: QueueSource, *, timeout: float = 10, **fields: Any) -> Reading:
    return run(source.read, config(source, **fields), timeout=timeout)


def config(source: QueueSource, **fields: Any) -> Any:
    return source.Config.model_validate(fields, context={STORED: True})


def failure(source: QueueSource, *, timeout: float = 10, **fields: Any) -> ProbeFailed:
    """How reading fails; a reading is the failure of the test."""
    with pytest.raises(ProbeFailed) as caught:
        read(source, timeout=timeout, **fields)
    return caught.value

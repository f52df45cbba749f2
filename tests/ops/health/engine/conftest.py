"""An engine of its own for each test, that may probe loopback."""

import ipaddress
from collections.abc import Callable, Iterator

import pytest

from core.egress import AddressPolicy
from ops.health.engine.probing import Prober
from ops.health.engine.spine import Engine

LOOPBACK = AddressPolicy(allow=(ipaddress.ip_network("127.0.0.0/8"),))

type MakeEngine = Callable[..., Engine]


@pytest.fixture
def make_engine() -> Iterator[MakeEngine]:
    probers = []

    def make(*, should_stop: Callable[[], bool] = lambda: False) -> Engine:
        probers.append(Prober(LOOPBACK))
        return Engine(probers[-1], should_stop=should_stop)

    yield make
    for prober in probers:
        prober.close()


@pytest.fixture
def engine(make_engine: MakeEngine) -> Engine:
    return make_engine()

"""Our own network is gone: what lies beyond it is not to blame."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from core.breaker.storage import MemoryStorage
from core.clock import database_now_ms
from core.egress import Endpoint
from core.pulse import read_signs
from ops.health.checks import KINDS
from ops.health.checks.tcp import TcpKind
from ops.health.engine.breakers import EngineBreakers
from ops.health.engine.connectivity import ConnectivityGuard, is_outward
from ops.health.engine.definitions import load_checks
from ops.health.engine.probing import Prober
from ops.health.engine.spine import Engine
from ops.health.models import Check, CheckState
from ops.journal.models import JournalEntry
from ops.probing.probe import Observation, ProbeContext, ProbeFailed
from ops.signals.domain import Status
from tests.ops.health.engine.conftest import LOOPBACK
from tests.ops.health.factories import make_check, state_of
from tests.services import free_port

pytestmark = pytest.mark.django_db


class Unreachable(TcpKind):
    """Dials nobody: every target is out of reach."""

    async def probe(self, config: Any, context: ProbeContext) -> Observation:
        raise ProbeFailed("connect", "no route to host")


@pytest.fixture(autouse=True)
def _everything_is_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS._items, "tcp", Unreachable())


class Gateway:
    """Whom the guard asks; it can go and come back."""

    def __init__(self) -> None:
        self.port = free_port()
        self._listener: socket.socket | None = None
        self.come_back()

    def come_back(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))

    def go(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    standing = Gateway()
    yield standing
    standing.go()


@pytest.fixture
def guarded(gateway: Gateway) -> Iterator[Engine]:
    prober = Prober(LOOPBACK)
    yield Engine(prober, guard=ConnectivityGuard(Endpoint("127.0.0.1", gateway.port), interval_seconds=0.0))
    prober.close()


def outward() -> Check:
    return make_check("tcp", {"host": "payments.example.com", "port": 443})


def make_due() -> None:
    CheckState.objects.update(next_due_ms=database_now_ms())


def test_while_our_own_network_works_a_failure_is_the_targets(guarded: Engine) -> None:
    check = outward()

    guarded.run_due_checks()

    assert (state_of(check).status, state_of(check).last_message) == (Status.UNHEALTHY, "no route to host")


def test_while_our_own_network_is_gone_failures_are_unknown_and_change_no_status(
    guarded: Engine, gateway: Gateway
) -> None:
    check = outward()
    CheckState.objects.update(status=Status.HEALTHY, fresh_until_ms=database_now_ms() + 60_000, fine_run=3, up_run=3)
    gateway.go()

    guarded.run_due_checks()

    state = state_of(check)
    assert (state.last_outcome, state.status) == (Status.UNKNOWN, Status.HEALTHY)
    assert state.last_message == f"our own network is gone: 127.0.0.1:{gateway.port} does not answer"
    assert not JournalEntry.objects.exists()


def test_what_is_on_this_machine_is_judged_all_the_same(guarded: Engine, gateway: Gateway) -> None:
    inward = make_check("tcp", {"host": "127.0.0.1", "port": 443})
    gateway.go()

    guarded.run_due_checks()

    assert state_of(inward).status == Status.UNHEALTHY


def test_a_network_that_went_after_the_last_look_is_noticed_before_a_status_changes(
    guarded: Engine, gateway: Gateway
) -> None:
    assert guarded._guard is not None
    guarded._guard._interval_seconds = 60
    assert guarded._guard.look()
    gateway.go()
    check = outward()

    guarded.run_due_checks()

    assert state_of(check).last_outcome == Status.UNKNOWN


def test_readers_are_told_until_it_is_back(guarded: Engine, gateway: Gateway) -> None:
    outward()
    gateway.go()
    guarded.run_due_checks()
    assert read_signs().trouble_since_ms("network") is not None

    gateway.come_back()
    guarded._pulsed_at = float("-inf")
    make_due()
    guarded.run_due_checks()

    assert read_signs().trouble_since_ms("network") is None


def test_another_process_goes_on_telling(gateway: Gateway) -> None:
    gateway.go()
    finder, other = (ConnectivityGuard(Endpoint("127.0.0.1", gateway.port), interval_seconds=5) for _ in range(2))
    finder.look()
    finder.tell()
    assert other.is_connected

    other.tell()

    assert not other.is_connected


@pytest.mark.parametrize(
    ("kind", "config", "counts"),
    [
        ("tcp", {"host": "db.example.com", "port": 1}, True),
        ("tcp", {"host": "10.0.0.5", "port": 1}, True),
        ("tcp", {"host": "127.0.0.1", "port": 1}, False),
        ("tcp", {"host": "localhost", "port": 1}, False),
        ("http", {"url": "https://example.com/"}, True),
        ("http", {"url": "http://[::1]/"}, False),
        ("heartbeat", {}, False),
        ("platform", {"component": "web"}, False),
    ],
)
def test_which_checks_count_as_outward(kind: str, config: dict[str, Any], *, counts: bool) -> None:
    check = make_check(kind, config)

    assert is_outward(load_checks([check.pk])[check.pk]) is counts


def test_what_our_own_network_did_opens_no_breaker(gateway: Gateway) -> None:
    storage = MemoryStorage()
    prober = Prober(LOOPBACK)
    guard = ConnectivityGuard(Endpoint("127.0.0.1", gateway.port), interval_seconds=0.0)
    engine = Engine(prober, guard=guard, breakers=EngineBreakers(storage))
    for _ in range(24):
        outward()
    gateway.go()
    for _ in range(2):
        make_due()
        engine.run_due_checks()
    prober.close()
    assert storage.names() == []

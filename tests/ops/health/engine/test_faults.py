"""What cannot be probed, and probes that crash: each is a result that says so, and harms no other check."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from core.breaker.storage import MemoryStorage
from core.clock import database_now_ms
from core.egress import Endpoint
from core.permissions import Principal
from ops.health.checks import KINDS
from ops.health.checks.tcp import TcpKind
from ops.health.engine import judging, probing
from ops.health.engine.breakers import EngineBreakers
from ops.health.engine.judging import Judgement, judge
from ops.health.engine.spine import Engine
from ops.health.models import Check, CheckState
from ops.health.selectors.checks import check_row
from ops.probing.probe import Observation, ProbeContext
from ops.signals.domain import Status
from tests.ops.health.engine.conftest import MakeEngine
from tests.ops.health.factories import make_check, make_http_check, state_of
from tests.ops.health.targets import Target, answer, run_target

pytestmark = pytest.mark.django_db


@pytest.fixture
def target() -> Iterator[Target]:
    with run_target(answer()) as running:
        yield running


def make_due(*checks: Check) -> None:
    CheckState.objects.filter(pk__in=[check.pk for check in checks]).update(next_due_ms=database_now_ms())


def test_a_definition_that_cannot_be_run_is_unknown_and_says_why(engine: Engine) -> None:
    gone = make_check("carrier-pigeon")
    wrong = make_check("tcp", {"host": "db"})

    engine.run_due_checks()

    assert (state_of(gone).last_outcome, state_of(gone).status) == (Status.UNKNOWN, Status.UNKNOWN)
    assert state_of(gone).last_message == "there is no check kind carrier-pigeon"
    assert state_of(wrong).last_message == "port: Field required"


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("tls", {"host": "payments.example.com:443"}),
        ("tls", {"host": "127.0.0.1", "server_name": "a.example:443"}),
        ("tcp", {"host": "x..y", "port": 1}),
        ("redis", {"host": ".x"}),
        ("postgres", {"host": "a" * 64}),
        ("celery", {"host": "x..y"}),
        ("icmp", {"host": "x..y"}),
        ("grpc", {"host": "x..y", "port": 1}),
        ("dns", {"query": "a", "server": "x..y"}),
        ("http", {"url": "http://x..y/"}),
    ],
)
def test_a_host_that_was_stored_under_a_milder_rule_is_unhealthy_in_words(
    engine: Engine, kind: str, config: dict[str, Any]
) -> None:
    check = make_check(kind, config)

    engine.run_due_checks()

    state = state_of(check)
    assert state.status == Status.UNHEALTHY
    assert state.last_message.endswith(("is not a host name or an address", "does not resolve"))


def test_a_large_answer_is_judged_apart_and_within_its_effort(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []

    def judge_here(*arguments: Any) -> Judgement:
        threads.append(threading.current_thread().name)
        return judge(*arguments)

    monkeypatch.setattr(probing, "judge", judge_here)
    monkeypatch.setattr(judging, "LARGE_SECONDS", 0.02)
    costly = f"[BODY] == pat(*{'a?' * 49}b*)"
    with run_target(answer(body=b"a" * 1_000_000)) as large:
        check = make_http_check(large.url, conditions=[costly] * 50)
        fine = make_http_check(large.url, conditions=["len([BODY]) == 1000000"])

        engine.run_due_checks()

    assert state_of(fine).status == Status.HEALTHY
    assert state_of(check).last_message.startswith(f"{costly} (not judged: ")
    assert len(threads) == 2
    assert all(name.startswith("judging") for name in threads)


class _CrashingKind(TcpKind):
    async def probe(self, config: Any, context: ProbeContext) -> Observation:
        raise RuntimeError("a bug of a plugin")


def test_a_kind_that_crashes_takes_no_neighbour_along(
    engine: Engine, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(KINDS._items, "tcp", _CrashingKind())
    crashing = make_check("tcp", {"host": "127.0.0.1", "port": 1})
    fine = make_http_check(target.url)

    engine.run_due_checks()

    assert state_of(crashing).last_message == "the probe itself failed: RuntimeError"
    assert (state_of(crashing).last_outcome, state_of(fine).status) == (Status.UNKNOWN, Status.HEALTHY)


def test_a_crash_is_shown_at_once(engine: Engine, monkeypatch: pytest.MonkeyPatch, viewer: Principal) -> None:
    """A status that is kept, or no result at all, would hide it for good: it comes back with every slot."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        check = make_check("tcp", {"host": "127.0.0.1", "port": listener.getsockname()[1]})
        engine.run_due_checks()
    assert state_of(check).status == Status.HEALTHY
    monkeypatch.setitem(KINDS._items, "tcp", _CrashingKind())
    engine._definitions.clear()
    make_due(check)

    engine.run_due_checks()

    row = check_row(principal=viewer, uid=check.uid)
    assert (row.status, row.message) == ("unknown", "the probe itself failed: RuntimeError")


class _TargetlessKind(TcpKind):
    def targets(self, config: Any) -> list[Endpoint]:
        raise KeyError("a bug of a plugin")


def test_a_kind_that_cannot_tell_its_target_takes_no_neighbour_along(
    make_engine: MakeEngine, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(KINDS._items, "tcp", _TargetlessKind())
    wrong, failing = make_check("tcp", {"host": "127.0.0.1", "port": 1}), make_http_check("http://x..y/")
    fine = make_http_check(target.url)
    engine = make_engine()
    engine._breakers = EngineBreakers(MemoryStorage())

    for _ in range(2):
        engine.run_due_checks()
        make_due(wrong, failing, fine)

    assert state_of(wrong).last_message == "reading the definition failed: KeyError"
    assert (state_of(failing).status, state_of(fine).status) == (Status.UNHEALTHY, Status.HEALTHY)

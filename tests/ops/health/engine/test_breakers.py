"""Many checks of one target that is gone: it is left alone, they say so, and it is found again."""

import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from django.conf import settings

from core.breaker.machine import BreakerState
from core.breaker.redis_storage import RedisStorage
from core.breaker.storage import NAMES_LIMIT, MemoryStorage, Operation, Standing, Storage, Transition
from core.clock import database_now_ms, now_ms
from ops.health.engine.breakers import EngineBreakers
from ops.health.engine.probing import Prober
from ops.health.engine.spine import Engine
from ops.health.models import Check, CheckResult, CheckState, ResultDetail
from ops.probing.guarding import POLICY
from ops.signals.domain import Status
from tests.ops.health.engine.conftest import LOOPBACK
from tests.ops.health.factories import make_check, make_http_check, state_of
from tests.ops.health.targets import answer, hang, run_target
from tests.services import free_port, run_valkey

pytestmark = pytest.mark.django_db

type MakeGuarded = Callable[[Storage], Engine]
MANY = 24


class Clock:
    def __init__(self) -> None:
        self.now = now_ms()

    def __call__(self) -> int:
        return self.now


class Counting:
    """A storage that counts how often it is asked."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.runs = self.looks = 0

    def run(self, operations: Sequence[Operation]) -> list[Standing]:
        self.runs += 1
        return self._storage.run(operations)

    def names(self, limit: int = NAMES_LIMIT) -> list[str]:
        return self._storage.names(limit)

    def forced_open(self) -> frozenset[str]:
        self.looks += 1
        return self._storage.forced_open()

    def take_transitions(self, limit: int) -> list[Transition]:
        return self._storage.take_transitions(limit)

    def history(self, limit: int) -> list[Transition]:
        return self._storage.history(limit)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_guarded() -> Iterator[MakeGuarded]:
    probers = []

    def make(storage: Storage) -> Engine:
        probers.append(Prober(LOOPBACK))
        return Engine(probers[-1], breakers=EngineBreakers(storage))

    yield make
    for prober in probers:
        prober.close()


@pytest.fixture
def storage(clock: Clock) -> RedisStorage:
    return RedisStorage(settings.REDIS_URL, clock=clock)


@pytest.fixture
def port() -> int:
    """Nobody listens there."""
    return free_port()


def make_due() -> None:
    CheckState.objects.update(next_due_ms=database_now_ms())


def run_all(engine: Engine) -> None:
    """Every check once; those that are to come back within a second, again."""
    make_due()
    assert engine.run_due_checks().committed >= CheckState.objects.count()


def checks_of(port: int, count: int = MANY, interval_ms: int = 60_000) -> list[Check]:
    return [make_check("tcp", {"host": "127.0.0.1", "port": port}, interval_ms=interval_ms) for _ in range(count)]


def messages() -> set[str]:
    return set(CheckState.objects.values_list("last_message", flat=True))


def test_a_target_that_refuses_everybody_is_left_alone_and_its_checks_say_so(
    make_guarded: MakeGuarded, storage: RedisStorage, port: int
) -> None:
    checks_of(port)
    engine = make_guarded(storage)
    run_all(engine)
    assert messages() == {"connection refused"}

    run_all(engine)

    assert messages() == {
        f"connection refused; not asked: 127.0.0.1:{port} is failing, 24 of 24 calls failed; asked again in 5 s"
    }
    assert set(CheckState.objects.values_list("last_outcome", flat=True)) == {Status.UNHEALTHY}
    assert CheckResult.objects.count() == 2 * MANY


def test_a_target_that_hangs_is_not_asked_by_more_and_more(
    make_guarded: MakeGuarded, storage: RedisStorage, clock: Clock
) -> None:
    with run_target(answer()) as target:
        target.behave = hang(target)
        for _ in range(MANY):
            make_http_check(target.url, timeout_ms=400)
        engine = make_guarded(storage)
        run_all(engine)
        run_all(engine)
        assert len(target.requests) == MANY

        clock.now += POLICY.open_ms
        run_all(engine)

        assert len(target.requests) == MANY + POLICY.permits
        run_all(engine)
        assert len(target.requests) == MANY + POLICY.permits
        assert {state.last_outcome for state in CheckState.objects.all()} == {Status.UNHEALTHY}


def test_a_check_that_was_refused_comes_back_within_five_seconds(
    make_guarded: MakeGuarded, storage: RedisStorage, port: int
) -> None:
    checks_of(port, interval_ms=600_000)
    engine = make_guarded(storage)
    run_all(engine)
    make_due()
    slot = CheckState.objects.earliest("next_due_ms").next_due_ms
    assert slot is not None

    engine.run_due_checks()

    late = database_now_ms() - slot
    for state in CheckState.objects.all():
        assert "not asked" in state.last_message
        assert state.next_due_ms is not None
        assert 1_000 <= state.next_due_ms - slot <= POLICY.open_ms + 1_000 + late


def test_a_target_that_is_back_is_found_by_the_trials_and_then_asked_by_all(
    make_guarded: MakeGuarded, storage: RedisStorage, clock: Clock, port: int
) -> None:
    checks_of(port)
    engine = make_guarded(storage)
    run_all(engine)
    run_all(engine)

    with socket.create_server(("127.0.0.1", port), backlog=100):
        run_all(engine)
        assert CheckState.objects.filter(status=Status.HEALTHY).count() == 0  # still open
        clock.now += POLICY.open_ms
        run_all(engine)

    assert CheckState.objects.filter(status=Status.HEALTHY).count() == MANY
    waited = ResultDetail.objects.filter(message__contains=" is being tried again, 24 of 24 calls failed; ")
    assert waited.count() >= MANY - POLICY.permits
    assert {detail.phase for detail in waited} == {"circuit"}


def test_engines_share_what_they_learned(make_guarded: MakeGuarded, storage: RedisStorage, port: int) -> None:
    check, *_others = checks_of(port)
    here, there = make_guarded(storage), make_guarded(storage)
    run_all(here)
    run_all(here)
    CheckState.objects.exclude(pk=check.pk).update(next_due_ms=None)

    run_one(there, check)
    assert state_of(check).last_message == "connection refused"  # it learns by a failure of its own
    run_one(there, check)
    assert "not asked" in state_of(check).last_message


def run_one(engine: Engine, check: Check) -> None:
    CheckState.objects.filter(pk=check.pk).update(next_due_ms=database_now_ms())
    assert engine.run_due_checks().committed == 1


def test_a_fleet_that_is_well_makes_no_call_of_the_store(make_guarded: MakeGuarded, storage: RedisStorage) -> None:
    counting = Counting(storage)
    engine = make_guarded(counting)
    with run_target(answer()) as target:
        for _ in range(MANY):
            make_http_check(target.url)
        make_http_check(target.url, conditions=["[STATUS] == 500"])
        for _ in range(3):
            run_all(engine)
    assert counting.runs == 0
    assert counting.looks >= 1  # whom operators have stopped, every few seconds


def test_a_batch_is_told_and_asked_in_one_call(make_guarded: MakeGuarded, storage: RedisStorage, port: int) -> None:
    checks_of(port)
    checks_of(free_port())
    counting = Counting(storage)
    engine = make_guarded(counting)
    run_all(engine)
    before = counting.runs
    run_all(engine)
    assert counting.runs - before == 1


def test_a_well_one_of_many_does_not_stop_the_others(make_guarded: MakeGuarded, storage: RedisStorage) -> None:
    with run_target(answer()) as target:
        for number in range(MANY):
            make_http_check(target.url, conditions=["[STATUS] == 500"] if number else [])
        engine = make_guarded(storage)
        run_all(engine)
        run_all(engine)
        assert len(target.requests) == 2 * MANY


def test_a_check_that_wants_its_target_to_fail_is_always_probed(
    make_guarded: MakeGuarded, storage: RedisStorage, port: int
) -> None:
    checks_of(port)
    wanted = make_check("tcp", {"host": "127.0.0.1", "port": port}, upside_down=True)
    engine = make_guarded(storage)
    run_all(engine)
    run_all(engine)
    assert state_of(wanted).last_message == "fails, as it should: connection refused"


def test_without_the_shared_store_the_engine_judges_by_itself(
    make_guarded: MakeGuarded, tmp_path: Path, port: int
) -> None:
    with run_valkey(tmp_path, port=free_port()) as url:
        engine = make_guarded(RedisStorage(url))
        checks_of(port, count=1)
        run_all(engine)
    checks_of(port)
    run_all(engine)  # the store is gone, and nothing is known
    assert messages() == {"connection refused"}
    run_all(engine)
    assert {message.partition(",")[0] for message in messages()} == {
        f"connection refused; not asked: 127.0.0.1:{port} is failing"
    }
    assert CheckResult.objects.count() == 1 + 2 * (MANY + 1)


def test_a_store_that_hangs_holds_up_no_check(make_guarded: MakeGuarded, port: int) -> None:
    checks_of(port)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        engine = make_guarded(RedisStorage(f"redis://127.0.0.1:{silent.getsockname()[1]}/0"))
        run_all(engine)
        assert messages() == {"connection refused"}
        run_all(engine)
        assert all("not asked" in message for message in messages())


def test_what_an_operator_stopped_is_unknown_until_the_end(
    make_guarded: MakeGuarded, storage: RedisStorage, clock: Clock
) -> None:
    with run_target(answer()) as target:
        check = make_http_check(target.url)
        name = f"target:127.0.0.1:{target.port}"
        storage.run(
            [Operation(name, POLICY, "command", state=BreakerState.FORCED_OPEN, until_ms=clock.now + 60_000,
                       reason="moving house")]
        )  # fmt: skip
        engine = make_guarded(storage)
        run_all(engine)
        stopped = f"not asked: an operator has stopped calls to 127.0.0.1:{target.port}: moving house"
        assert (state_of(check).status, state_of(check).last_message) == (Status.UNKNOWN, stopped)
        assert target.requests == []
        clock.now += 60_000
        run_all(engine)
        assert state_of(check).status == Status.HEALTHY
        assert storage.forced_open().isdisjoint({name})


def test_what_an_operator_disabled_is_asked_however_much_it_fails(
    make_guarded: MakeGuarded, storage: RedisStorage, clock: Clock, port: int
) -> None:
    checks_of(port)
    engine = make_guarded(storage)
    until_ms = clock.now + 60_000
    disable = Operation(f"target:127.0.0.1:{port}", POLICY, "command", state=BreakerState.DISABLED, until_ms=until_ms)
    storage.run([disable])
    for _ in range(3):
        run_all(engine)
    assert messages() == {"connection refused"}


def test_memory_is_enough_for_one_process(make_guarded: MakeGuarded, clock: Clock, port: int) -> None:
    checks_of(port)
    engine = make_guarded(MemoryStorage(clock))
    run_all(engine)
    run_all(engine)
    assert all("not asked" in message for message in messages())

"""Calls through a breaker: functions, coroutines, several processes, and a shared store that is lost."""

import asyncio
import contextlib
import multiprocessing
import threading
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings

from core.breaker.guard import ALONE_CALLS, STORE_RETRY_SECONDS, Breaker, CircuitOpen
from core.breaker.machine import BreakerState, Policy
from core.breaker.redis_storage import RedisStorage
from core.breaker.storage import NAMES_LIMIT, MemoryStorage, Operation, Standing, StorageLost, Transition

POLICY = Policy(window_calls=4, minimum_calls=4, open_ms=60_000, permits=3)


class Target:
    """What is called: fails while it is told to."""

    def __init__(self) -> None:
        self.fails = False
        self.calls = 0

    def __call__(self, value: int = 1) -> int:
        self.calls += 1
        if self.fails:
            raise ConnectionError("refused")
        return value


class LostStorage:
    def run(self, operations: Sequence[Operation]) -> list[Standing]:
        raise StorageLost("gone")

    def names(self, limit: int = NAMES_LIMIT) -> list[str]:
        raise StorageLost("gone")

    def forced_open(self) -> frozenset[str]:
        raise StorageLost("gone")

    def take_transitions(self, limit: int) -> list[Transition]:
        raise StorageLost("gone")

    def history(self, limit: int) -> list[Transition]:
        raise StorageLost("gone")


@pytest.fixture
def target() -> Target:
    return Target()


@pytest.fixture
def breaker() -> Breaker:
    return Breaker(f"test-{uuid.uuid4().hex}", POLICY, RedisStorage(settings.REDIS_URL), failures=(ConnectionError,))


def fail(breaker: Breaker, target: Target, times: int) -> None:
    target.fails = True
    for _ in range(times):
        with contextlib.suppress(ConnectionError):
            breaker.call(target)


def test_a_call_gives_back_what_the_function_gives(breaker: Breaker, target: Target) -> None:
    assert breaker.call(target, 7) == 7


def test_enough_failures_stop_the_calls(breaker: Breaker, target: Target) -> None:
    fail(breaker, target, 4)
    with pytest.raises(CircuitOpen, match="4 of 4 calls failed"):
        breaker.call(target)
    assert target.calls == 4


def test_an_exception_that_is_no_failure_does_not_count(breaker: Breaker) -> None:
    def wrong() -> None:
        raise ValueError("a mistake of the caller")

    for _ in range(8):
        with pytest.raises(ValueError, match="mistake"):
            breaker.call(wrong)
    assert breaker.call(Target()) == 1


def test_a_decorated_function_is_guarded(breaker: Breaker, target: Target) -> None:
    guarded = breaker(target.__call__)
    target.fails = True
    for _ in range(4):
        with pytest.raises(ConnectionError):
            guarded(1)
    with pytest.raises(CircuitOpen):
        guarded(1)


def test_the_body_of_a_with_statement_is_guarded(breaker: Breaker) -> None:
    for _ in range(4):
        with pytest.raises(ConnectionError), breaker.guard():
            raise ConnectionError("refused")
    with pytest.raises(CircuitOpen), breaker.guard():
        pytest.fail("the call went out")


def test_coroutines_are_guarded(breaker: Breaker) -> None:
    @breaker
    async def call() -> None:
        raise ConnectionError("refused")

    async def story() -> None:
        for _ in range(4):
            with pytest.raises(ConnectionError):
                await call()
        with pytest.raises(CircuitOpen):
            await call()

    asyncio.run(story())


def test_processes_learn_of_each_other_within_a_second(target: Target) -> None:
    clock = [100.0]
    name, storage = f"test-{uuid.uuid4().hex}", RedisStorage(settings.REDIS_URL)
    here, there = (
        Breaker(name, POLICY, storage, failures=(ConnectionError,), monotonic=lambda: clock[0]) for _ in range(2)
    )
    there.call(Target())
    fail(here, target, 4)
    clock[0] += 1.0
    with pytest.raises(CircuitOpen):
        there.call(target)


def test_successes_are_told_together_and_none_is_lost(target: Target) -> None:
    clock = [100.0]
    storage = MemoryStorage()
    breaker = Breaker("b", Policy(window_calls=100), storage, monotonic=lambda: clock[0])
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: breaker.call(target), range(50)))
    clock[0] += 2.0
    breaker.call(target)
    (standing,) = storage.run([Operation("b", Policy(window_calls=100))])
    assert standing.window.calls >= 50


@pytest.mark.parametrize("way", ["call", "decorator", "guard", "aguard"])
@pytest.mark.parametrize("fails", [True, False])
@pytest.mark.parametrize("slow_call_ms", [0, 60_000])
def test_a_call_reports_to_the_generation_it_began_in(way: str, fails: bool, slow_call_ms: int) -> None:
    clock = [100.0]
    policy, storage = Policy(window_calls=100, slow_call_ms=slow_call_ms), MemoryStorage()
    breaker = Breaker("b", policy, storage, failures=(ConnectionError,), monotonic=lambda: clock[0])
    breaker.call(len, "")

    def spanning() -> None:
        storage.run([Operation("b", policy, "command", state=BreakerState.CLOSED)])
        clock[0] += 2.0
        breaker.leave(breaker.enter(), ValueError())  # another call of this process learns of the new generation
        if fails:
            raise ConnectionError("refused")

    async def awaited() -> None:
        async with breaker.aguard():
            spanning()

    with contextlib.suppress(ConnectionError):
        match way:
            case "call":
                breaker.call(spanning)
            case "decorator":
                breaker(spanning)()
            case "guard":
                with breaker.guard():
                    spanning()
            case "aguard":
                asyncio.run(awaited())
    clock[0] += 2.0
    breaker.enter()
    (standing,) = storage.run([Operation("b", policy)])
    assert (standing.generation, standing.window.calls) == (1, 0)


def _call_half_open(name: str, url: str, start: Callable[[], None], let_through: object) -> None:
    breaker = Breaker(name, HALF_OPEN_POLICY, RedisStorage(url))
    start()
    for _ in range(20):
        with contextlib.suppress(CircuitOpen):
            breaker.enter()  # and never reports: the permits stay out
            let_through.put(1)  # type: ignore[attr-defined]


HALF_OPEN_POLICY = Policy(window_calls=4, minimum_calls=4, open_ms=1, permits=5, lease_ms=60_000)


def test_eight_processes_in_half_open_let_exactly_the_permits_through() -> None:
    name, url = f"test-{uuid.uuid4().hex}", settings.REDIS_URL
    RedisStorage(url).run([Operation(name, HALF_OPEN_POLICY, "observe", calls="ffff")])
    context = multiprocessing.get_context("spawn")  # a process with threads cannot fork safely
    barrier, let_through = context.Barrier(8), context.Queue()
    processes = [context.Process(target=_call_half_open, args=(name, url, barrier.wait, let_through)) for _ in range(8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 8
    assert sum(let_through.get(timeout=1) for _ in range(HALF_OPEN_POLICY.permits)) == HALF_OPEN_POLICY.permits
    assert let_through.empty()


def test_without_the_shared_store_a_process_judges_by_itself(target: Target) -> None:
    breaker = Breaker("b", POLICY, LostStorage(), failures=(ConnectionError,))
    assert breaker.call(target) == 1
    fail(breaker, target, 3)
    with pytest.raises(CircuitOpen):
        breaker.call(target)


def test_without_the_shared_store_few_calls_are_out_at_once() -> None:
    breaker = Breaker("b", POLICY, LostStorage())
    go, started = threading.Event(), threading.Semaphore(0)

    def hang() -> None:
        started.release()
        go.wait(10)

    with ThreadPoolExecutor(ALONE_CALLS) as pool:
        calls = [pool.submit(breaker.call, hang) for _ in range(ALONE_CALLS)]
        for _ in range(ALONE_CALLS):
            assert started.acquire(timeout=10)
        with pytest.raises(CircuitOpen, match="out already"):
            breaker.call(hang)
        go.set()
        for call in calls:
            call.result(10)
    assert breaker.call(Target()) == 1


def test_a_store_that_comes_back_is_used_again(target: Target) -> None:
    clock = [100.0]
    breaker = Breaker("b", POLICY, LostStorage(), monotonic=lambda: clock[0])
    breaker.call(target)
    storage = breaker._shared = MemoryStorage()
    breaker.call(target)
    assert storage.names() == []
    clock[0] += STORE_RETRY_SECONDS
    storage.run([Operation("b", POLICY, "command", state=BreakerState.FORCED_OPEN, reason="maintenance")])
    with pytest.raises(CircuitOpen, match="maintenance"):
        breaker.call(target)


@pytest.mark.parametrize("until_ms", [60_000, 0])
def test_what_an_operator_opened_stays_open_when_the_store_is_lost_right_after(until_ms: int) -> None:
    clock = [100.0]
    storage = MemoryStorage(lambda: 1_000)
    breaker = Breaker("b", POLICY, storage, monotonic=lambda: clock[0])
    ends = 1_000 + until_ms if until_ms else 0
    force = Operation("b", POLICY, "command", state=BreakerState.FORCED_OPEN, until_ms=ends, reason="moving")
    storage.run([force])
    with pytest.raises(CircuitOpen, match="moving"):
        breaker.enter()
    breaker._shared = LostStorage()
    clock[0] += 59.0
    with pytest.raises(CircuitOpen, match="moving") as refused:
        breaker.enter()
    assert refused.value.retry_at_ms == ends
    clock[0] += 1.0
    if until_ms:
        assert breaker.call(len, "four") == 4
    else:
        with pytest.raises(CircuitOpen, match="moving"):
            breaker.enter()

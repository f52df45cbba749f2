"""The breakers of targets, without anything that is probed."""

from collections.abc import Sequence
from typing import Any

import pytest

from core.breaker.guard import ALONE_CALLS, STORE_RETRY_SECONDS
from core.breaker.machine import BreakerState
from core.breaker.storage import MemoryStorage, Operation, Standing, StorageLost
from core.clock import now_ms
from core.egress import Endpoint
from ops.probing.guarding import (
    AGAIN_MS,
    FORCED_SECONDS,
    POLICY,
    WATCHED_SECONDS,
    Leave,
    Refusal,
    TargetBreakers,
    name_of,
)

TARGET, OTHER = "10.0.0.1:80", "10.0.0.2:80"


class Clock:
    """Both clocks at once: seconds of the process, milliseconds of the store."""

    def __init__(self) -> None:
        self.seconds = 1_000.0
        self._start_ms = now_ms()

    def monotonic(self) -> float:
        return self.seconds

    def store_ms(self) -> int:
        return self._start_ms + round((self.seconds - 1_000) * 1_000)


class Store(MemoryStorage):
    """Counts its calls, and can be lost."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock.store_ms)
        self.runs: list[list[Operation]] = []
        self.is_lost = False

    def run(self, operations: Sequence[Operation]) -> list[Standing]:
        self.runs.append(list(operations))
        if self.is_lost:
            raise StorageLost("gone")
        return super().run(operations)

    def forced_open(self) -> frozenset[str]:
        if self.is_lost:
            raise StorageLost("gone")
        return super().forced_open()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> Store:
    return Store(clock)


@pytest.fixture
def breakers(store: Store, clock: Clock) -> TargetBreakers:
    return TargetBreakers(store, monotonic=clock.monotonic)


def fail(breakers: TargetBreakers, times: int, *, target: str = TARGET) -> None:
    for answer in breakers.ask([target] * times):
        assert isinstance(answer, Leave)
        breakers.note(answer, "connection refused")


def ask(breakers: TargetBreakers, *targets: str | None) -> list[Leave | Refusal | None]:
    return breakers.ask(targets)


@pytest.mark.parametrize(
    ("endpoint", "name"),
    [
        (Endpoint("10.0.0.1", 443), "10.0.0.1:443"), (Endpoint("DB.internal", 5432), "db.internal:5432"),
        (Endpoint("::1", 80), "[::1]:80"), (Endpoint("10.0.0.1", 0), "10.0.0.1"),
    ],
)  # fmt: skip
def test_a_target_is_named_by_host_and_port(endpoint: Endpoint, name: str) -> None:
    assert name_of(endpoint) == name


def test_nobody_failed_nobody_is_asked(breakers: TargetBreakers, store: Store) -> None:
    assert ask(breakers, TARGET, None) == [Leave(TARGET), None]
    breakers.note(Leave(TARGET), None)
    assert not breakers.is_watching()
    assert store.runs == []


def test_a_failure_is_told_with_the_next_question(breakers: TargetBreakers, store: Store) -> None:
    fail(breakers, 2)
    assert store.runs == []
    ask(breakers, TARGET, OTHER)
    (operations,) = store.runs
    assert [(operation.does, operation.calls) for operation in operations] == [("observe", "ff"), ("admit", "")]


def test_a_target_that_is_well_for_a_minute_is_forgotten(breakers: TargetBreakers, store: Store, clock: Clock) -> None:
    fail(breakers, 1)
    clock.seconds += WATCHED_SECONDS - 1
    ask(breakers, TARGET)
    assert breakers.is_watching()
    clock.seconds += 1
    ask(breakers, TARGET)
    assert not breakers.is_watching()
    assert len(store.runs) == 1


def test_an_open_target_is_refused_and_others_are_not(breakers: TargetBreakers) -> None:
    fail(breakers, 20)
    refusal, leave = ask(breakers, TARGET, OTHER)
    assert isinstance(refusal, Refusal)
    assert refusal.again_ms == POLICY.open_ms + AGAIN_MS
    assert (
        refusal.message
        == f"connection refused; not asked: {TARGET} is failing, 20 of 20 calls failed; asked again in 5 s"
    )
    assert leave == Leave(OTHER)


def test_a_target_that_is_open_is_watched_however_long_nobody_asks(breakers: TargetBreakers, clock: Clock) -> None:
    fail(breakers, 20)
    clock.seconds += WATCHED_SECONDS - 1
    ask(breakers, TARGET)  # half open now
    clock.seconds += WATCHED_SECONDS - 1
    ask(breakers)
    assert breakers.is_watching()


def test_the_trials_decide_and_the_others_wait(breakers: TargetBreakers, clock: Clock) -> None:
    fail(breakers, 20)
    ask(breakers)
    clock.seconds += POLICY.open_ms / 1_000
    answers = ask(breakers, *[TARGET] * 5)
    trials = [answer for answer in answers if isinstance(answer, Leave)]
    waiting = [answer for answer in answers if isinstance(answer, Refusal)]
    assert len(trials) == len({trial.permit for trial in trials}) == POLICY.permits
    assert {refusal.again_ms for refusal in waiting} == {AGAIN_MS}
    clock.seconds += 3
    (late,) = ask(breakers, TARGET)
    assert isinstance(late, Refusal)
    assert late.again_ms == 3_000
    for trial in trials:
        breakers.note(trial, None)
    assert all(isinstance(answer, Leave) and not answer.permit for answer in ask(breakers, *[TARGET] * 9))


def test_a_target_that_answers_some_is_asked_by_all(breakers: TargetBreakers) -> None:
    fail(breakers, 17)
    for answer in ask(breakers, *[TARGET] * 3):
        assert isinstance(answer, Leave)
        breakers.note(answer, None)
    assert all(isinstance(answer, Leave) for answer in ask(breakers, *[TARGET] * 3))


def force_open(store: Store, clock: Clock, seconds: float) -> None:
    until_ms = clock.store_ms() + round(seconds * 1_000)
    operation = Operation(
        f"target:{TARGET}", POLICY, "command", state=BreakerState.FORCED_OPEN, until_ms=until_ms, reason="moving"
    )
    store.run([operation])


def test_what_operators_stopped_is_refused_by_those_who_never_saw_it_fail(
    breakers: TargetBreakers, store: Store, clock: Clock
) -> None:
    assert ask(breakers, TARGET) == [Leave(TARGET)]
    force_open(store, clock, seconds=60)
    clock.seconds += FORCED_SECONDS
    assert breakers.is_watching()
    (refusal,) = ask(breakers, TARGET)
    assert isinstance(refusal, Refusal)
    assert refusal.by_operator
    assert refusal.message.endswith("moving")
    clock.seconds += 60
    (leave,) = ask(breakers, TARGET)
    assert isinstance(leave, Leave)


def test_what_operators_stopped_stays_so_when_the_store_is_lost_right_after(
    breakers: TargetBreakers, store: Store, clock: Clock
) -> None:
    force_open(store, clock, seconds=60)
    assert breakers.is_watching()
    store.is_lost = True
    (refusal, leave) = ask(breakers, TARGET, OTHER)
    assert isinstance(refusal, Refusal)
    assert refusal.by_operator
    assert leave == Leave(OTHER)


def test_what_operators_stopped_ends_in_time_while_the_store_is_lost(
    breakers: TargetBreakers, store: Store, clock: Clock
) -> None:
    force_open(store, clock, seconds=60)
    ask(breakers, TARGET)
    store.is_lost = True
    clock.seconds += 50
    (refusal,) = ask(breakers, TARGET)
    assert isinstance(refusal, Refusal)
    assert (refusal.by_operator, refusal.again_ms) == (True, 10_000)
    assert refusal.message.endswith("moving")
    clock.seconds += 10
    (leave,) = ask(breakers, TARGET)
    assert isinstance(leave, Leave)


def test_what_operators_closed_again_is_not_refused_when_the_store_is_lost(
    breakers: TargetBreakers, store: Store, clock: Clock
) -> None:
    force_open(store, clock, seconds=600)
    ask(breakers, TARGET)
    store.run([Operation(f"target:{TARGET}", POLICY, "command", state=BreakerState.CLOSED)])
    clock.seconds += FORCED_SECONDS
    breakers.is_watching()
    store.is_lost = True
    (leave,) = ask(breakers, TARGET)
    assert isinstance(leave, Leave)


def test_without_the_store_a_process_judges_by_itself_and_asks_again_later(
    breakers: TargetBreakers, store: Store, clock: Clock
) -> None:
    store.is_lost = True
    fail(breakers, 20)
    assert isinstance(ask(breakers, TARGET)[0], Refusal)
    calls = len(store.runs)
    ask(breakers, TARGET)
    assert len(store.runs) == calls
    clock.seconds += STORE_RETRY_SECONDS
    store.is_lost = False
    ask(breakers, TARGET)
    assert len(store.runs) == calls + 1


def test_without_the_store_few_probes_of_a_failing_target_are_out_at_once(
    breakers: TargetBreakers, store: Store, clock: Clock
) -> None:
    store.is_lost = True
    fail(breakers, 1)
    fail(breakers, ALONE_CALLS)
    out = [answer for answer in ask(breakers, *[TARGET] * 100) if isinstance(answer, Leave)]
    assert len(out) == ALONE_CALLS
    (refusal,) = ask(breakers, TARGET)
    assert isinstance(refusal, Refusal)
    assert refusal.message == f"not asked: {TARGET} is failing, and 8 are asking it; asked again in 1 s"
    breakers.note(out[0], "connection refused")
    assert isinstance(ask(breakers, TARGET)[0], Leave)


def test_without_the_store_a_single_failure_holds_up_nobody(breakers: TargetBreakers, store: Store) -> None:
    store.is_lost = True
    fail(breakers, 1)
    assert all(isinstance(answer, Leave) for answer in ask(breakers, *[TARGET] * 100))


def test_probes_that_never_end_give_their_places_back(breakers: TargetBreakers, store: Store, clock: Clock) -> None:
    store.is_lost = True
    fail(breakers, 1)
    fail(breakers, ALONE_CALLS)
    ask(breakers, *[TARGET] * ALONE_CALLS)
    clock.seconds += POLICY.lease_ms / 1_000
    breakers.note(Leave(TARGET), "connection refused")  # it is watched still
    answers: list[Any] = ask(breakers, TARGET)
    assert isinstance(answers[0], Leave)

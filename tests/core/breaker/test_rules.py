"""The rules of a breaker, in the memory of one process and in the shared store: the same, step by step."""

import uuid
from dataclasses import replace

import pytest
from django.conf import settings
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core.breaker.machine import BreakerState, Policy, Record, Tally, observe, tally
from core.breaker.redis_storage import RedisStorage
from core.breaker.storage import MemoryStorage, Operation, Standing, Storage

POLICY = Policy(window_calls=6, minimum_calls=4, failure_percent=50, open_ms=1_000, permits=2, lease_ms=500)
START_MS = 1_790_000_000_000


class Clock:
    def __init__(self) -> None:
        self.now = START_MS

    def __call__(self) -> int:
        return self.now


class One:
    """One breaker of a storage, driven by the test."""

    def __init__(self, storage: Storage, clock: Clock, policy: Policy = POLICY) -> None:
        self.storage, self.clock, self.policy, self.name = storage, clock, policy, f"test-{uuid.uuid4().hex}"
        self.generation = 0

    def run(self, **fields: object) -> Standing:
        operation = replace(Operation(self.name, self.policy), **fields)  # type: ignore[arg-type]
        (standing,) = self.storage.run([operation])
        return standing

    def admit(self, permit: str = "p") -> Standing:
        return self.run(does="admit", permit=permit)

    def observe(self, calls: str, permit: str = "") -> Standing:
        return self.run(does="observe", calls=calls, permit=permit, generation=self.run().generation)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "redis"])
def breaker(request: pytest.FixtureRequest, clock: Clock) -> One:
    storage: Storage = (
        MemoryStorage(clock) if request.param == "memory" else RedisStorage(settings.REDIS_URL, clock=clock)
    )
    storage.take_transitions(10_000)
    return One(storage, clock)


def test_a_new_breaker_is_closed_and_lets_everything_through(breaker: One) -> None:
    assert breaker.admit().admitted
    assert breaker.run().state is BreakerState.CLOSED


def test_too_few_calls_never_open_it(breaker: One) -> None:
    assert breaker.observe("fff").state is BreakerState.CLOSED


def test_it_opens_at_its_share_of_failures_and_says_why(breaker: One) -> None:
    standing = breaker.observe("ssff")
    assert standing.state is BreakerState.OPEN
    assert standing.reason == "2 of 4 calls failed"
    assert standing.until_ms == START_MS + 1_000
    refused = breaker.admit()
    assert (refused.admitted, refused.retry_at_ms) == (False, START_MS + 1_000)


def test_only_the_last_calls_count(breaker: One) -> None:
    assert breaker.observe("ff").state is BreakerState.CLOSED
    assert breaker.observe("ssssss").window == Tally(6, 0, 0)


def test_it_opens_for_slow_calls_too(breaker: One) -> None:
    breaker.policy = replace(POLICY, slow_call_ms=100, slow_percent=50)
    assert breaker.observe("slsl").reason == "0 of 4 calls failed, 2 were slow"


def test_half_open_lets_exactly_its_permits_through(breaker: One, clock: Clock) -> None:
    breaker.observe("ffff")
    clock.now += 1_000
    assert [breaker.admit(str(i)).admitted for i in range(4)] == [True, True, False, False]
    assert breaker.run().state is BreakerState.HALF_OPEN


def test_good_trials_close_it_and_bad_ones_open_it_again(breaker: One, clock: Clock) -> None:
    breaker.observe("ffff")
    clock.now += 1_000
    breaker.admit("a"), breaker.admit("b")
    breaker.observe("f", "a")
    assert breaker.observe("s", "b").state is BreakerState.OPEN
    clock.now += 1_000
    breaker.admit("c"), breaker.admit("d")
    breaker.observe("s", "c")
    assert breaker.observe("s", "d").state is BreakerState.CLOSED


def test_a_permit_whose_holder_died_is_given_out_again_and_counts_once(breaker: One, clock: Clock) -> None:
    breaker.observe("ffff")
    clock.now += 1_000
    breaker.admit("a"), breaker.admit("b")
    refused = breaker.admit("c")
    assert refused.retry_at_ms == clock.now + 500
    clock.now += 500
    assert breaker.admit("c").admitted
    assert breaker.observe("s", "a").trial == ""  # too late
    assert breaker.observe("s", "c").trial == "s"


def test_a_call_of_an_earlier_generation_says_nothing(breaker: One, clock: Clock) -> None:
    breaker.observe("ffff")
    clock.now += 1_000
    breaker.admit("a")
    assert breaker.run(does="observe", calls="s", permit="a", generation=0).trial == ""


def test_calls_leave_a_window_of_time_with_their_part(breaker: One, clock: Clock) -> None:
    breaker.policy = replace(POLICY, window_ms=10_000)
    breaker.observe("fff")
    clock.now += 9_000
    assert breaker.run().window == Tally(3, 3, 0)
    clock.now += 1_000
    assert breaker.run().window.calls == 0
    assert breaker.observe("sss").state is BreakerState.CLOSED


@pytest.mark.parametrize(("state", "admitted"), [(BreakerState.FORCED_OPEN, False), (BreakerState.DISABLED, True)])
def test_an_operators_word_holds_until_it_ends(
    breaker: One, clock: Clock, state: BreakerState, *, admitted: bool
) -> None:
    breaker.run(does="command", state=state, until_ms=clock.now + 60_000, reason="maintenance")
    standing = breaker.observe("ffff")
    assert (standing.state, standing.reason) == (state, "maintenance")
    assert breaker.admit().admitted is admitted
    clock.now += 60_000
    assert breaker.run().state is BreakerState.CLOSED


def test_those_that_an_operator_opened_are_known_until_their_end(breaker: One, clock: Clock) -> None:
    breaker.run(does="command", state=BreakerState.FORCED_OPEN, until_ms=clock.now + 60_000, reason="maintenance")
    assert breaker.name in breaker.storage.forced_open()
    clock.now += 60_000
    breaker.run()
    assert breaker.name not in breaker.storage.forced_open()


def test_an_answer_tells_the_time_of_its_store(breaker: One, clock: Clock) -> None:
    assert breaker.run().at_ms == clock.now


def test_a_reset_forgets_what_was_seen(breaker: One) -> None:
    breaker.observe("ffff")
    standing = breaker.run(does="command", state=BreakerState.CLOSED)
    assert (standing.state, standing.window.calls) == (BreakerState.CLOSED, 0)


def test_each_transition_is_told_once(breaker: One, clock: Clock) -> None:
    breaker.observe("ffff")
    clock.now += 1_000
    breaker.run()
    told = breaker.storage.take_transitions(10)
    assert [(t.before, t.after) for t in told] == [
        (BreakerState.CLOSED, BreakerState.OPEN), (BreakerState.OPEN, BreakerState.HALF_OPEN),
    ]  # fmt: skip
    assert (told[0].reason, told[0].until_ms, told[0].generation) == ("4 of 4 calls failed", START_MS + 1_000, 1)
    assert breaker.storage.take_transitions(10) == []
    assert breaker.storage.history(2) == told[::-1]
    assert breaker.name in breaker.storage.names()


_steps = st.lists(
    st.tuples(
        st.sampled_from(["read", "admit", "observe", "observe", "observe", "command"]),
        st.text("sflx", max_size=6),
        st.sampled_from("abc"),
        st.sampled_from([BreakerState.CLOSED, BreakerState.FORCED_OPEN, BreakerState.DISABLED]),
        st.integers(0, 1_500),
    ),
    max_size=25,
)
_policies = st.builds(
    Policy,
    window_calls=st.integers(5, 9), window_ms=st.sampled_from([0, 0, 1_000, 4_000]), minimum_calls=st.integers(1, 5),
    failure_percent=st.sampled_from([1, 50, 100]), slow_call_ms=st.sampled_from([0, 100]), slow_percent=st.just(60),
    open_ms=st.just(700), permits=st.integers(1, 3), lease_ms=st.just(400),
)  # fmt: skip


@given(policy=_policies, steps=_steps)
@hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_script_and_the_machine_agree_step_by_step(policy: Policy, steps: list[tuple[object, ...]]) -> None:
    clock = Clock()
    memory, shared = (
        One(MemoryStorage(clock), clock, policy),
        One(RedisStorage(settings.REDIS_URL, clock=clock), clock, policy),
    )
    shared.name = memory.name
    for does, calls, permit, state, wait in steps:
        clock.now += int(str(wait))
        generation = memory.run().generation
        fields = {"does": does, "calls": calls, "permit": permit, "state": state, "generation": generation}
        fields |= {"until_ms": clock.now + 900, "reason": "told"}
        assert memory.run(**fields) == shared.run(**fields)


def test_a_policy_that_can_never_open_is_refused() -> None:
    with pytest.raises(ValueError, match="never opens"):
        Policy(window_calls=5, minimum_calls=6)


def test_the_machine_changes_no_record_that_it_was_given() -> None:
    record = Record()
    after = observe(record, POLICY, START_MS, generation=0, calls="ff")
    assert tally(record, POLICY, START_MS).calls == 0
    assert tally(after, POLICY, START_MS) == Tally(2, 2, 0)

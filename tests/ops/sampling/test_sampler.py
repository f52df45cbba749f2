"""The rolling loop over sources: it samples what is due, and leaves a target alone that is gone."""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, connection

from core.breaker.redis_storage import RedisStorage
from core.breaker.storage import MemoryStorage
from core.clock import database_now_ms
from core.egress import AddressPolicy, Endpoint
from ops.health.models import CheckState
from ops.probing.attempt import attempt
from ops.probing.guarding import POLICY, TargetBreakers
from ops.probing.probe import ProbeContext, ProbeFailed
from ops.sampling.sampler import Sample, Sampler
from ops.scheduling.claim import Schedule, Slot
from tests.ops.health.factories import make_check
from tests.ops.health.peers import run_peer
from tests.services import free_port

pytestmark = pytest.mark.django_db

LOOPBACK = AddressPolicy(allow=(ipaddress.ip_network("127.0.0.0/8"),))
SCHEDULE = Schedule("ops_checkstate", "check_id")


class Doors:
    """Sources that are ports: a look opens a connection. Scheduled by any table with the columns."""

    name = "doors"
    schedule = SCHEDULE

    def __init__(self, port: int) -> None:
        self.port = port
        self.looks = 0
        self.samples: list[Sample[int, str]] = []
        self.crashes = self.database_is_away = False

    def load(self, slots: Sequence[Slot]) -> Mapping[int, int]:
        return {slot.key: self.port for slot in slots}

    async def look(self, source: int, context: ProbeContext) -> str:
        self.looks += 1
        if self.crashes:
            raise RuntimeError("a bug of a source")
        async with attempt(context) as running, running.stream("127.0.0.1", source) as stream:
            return stream.address

    def commit(self, samples: Sequence[Sample[int, str]]) -> None:
        if self.database_is_away:
            raise OperationalError("the database went away")
        taken = self.schedule.finish([(sample.slot.key, sample.slot.fence) for sample in samples])
        self.samples += [sample for sample in samples if sample.slot.key in taken]


type MakeSampler = Any


@pytest.fixture
def make_sampler() -> Iterator[MakeSampler]:
    made: list[Sampler[int, str]] = []

    def make(doors: Doors, **options: Any) -> Sampler[int, str]:
        made.append(Sampler(doors, LOOPBACK, **options))
        return made[-1]

    yield make
    for sampler in made:
        sampler.close()


def guarded() -> dict[str, Any]:
    breakers = TargetBreakers(RedisStorage(settings.REDIS_URL))
    return {"breakers": breakers, "target": lambda port: Endpoint("127.0.0.1", port)}


def make_due() -> None:
    CheckState.objects.update(next_due_ms=database_now_ms())


def failures(doors: Doors) -> list[ProbeFailed]:
    return [sample.seen for sample in doors.samples if isinstance(sample.seen, ProbeFailed)]


def test_every_source_that_is_due_is_sampled_once(make_sampler: MakeSampler) -> None:
    for _ in range(5):
        make_check()
    make_check(due_in_ms=60_000)
    with run_peer(lambda _connection: None) as port:
        doors = Doors(port)
        assert make_sampler(doors).run_due() == 5
    assert [sample.seen for sample in doors.samples] == ["127.0.0.1"] * 5
    assert SCHEDULE.count_due(limit=10) == 0


def test_a_source_that_fails_is_a_sample_too(make_sampler: MakeSampler) -> None:
    make_check()
    doors = Doors(free_port())
    make_sampler(doors).run_due()
    assert [(failed.phase, failed.message) for failed in failures(doors)] == [("connect", "connection refused")]


def test_a_look_that_crashes_is_a_sample_that_says_so(make_sampler: MakeSampler) -> None:
    make_check()
    doors = Doors(1)
    doors.crashes = True
    make_sampler(doors).run_due()
    assert [failed.message for failed in failures(doors)] == ["the look itself failed: RuntimeError"]


def test_a_database_that_is_away_leaves_the_slot_to_its_lease(
    make_sampler: MakeSampler, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_check()
    doors = Doors(free_port())
    doors.database_is_away = True
    with monkeypatch.context() as patched:
        patched.setattr(connection, "close", lambda: None)
        assert make_sampler(doors).run_due() == 0
    assert CheckState.objects.get().slot_ms is not None


def test_told_to_stop_it_gives_back_what_is_in_flight(make_sampler: MakeSampler) -> None:
    make_check(due_in_ms=900)
    doors = Doors(free_port())
    answers = iter([False, True])
    assert make_sampler(doors).run_due(should_stop=lambda: next(answers)) == 0
    assert CheckState.objects.get().lease_until_ms == 0


def test_a_broker_that_is_gone_is_not_asked_for_every_queue(make_sampler: MakeSampler) -> None:
    for _ in range(24):
        make_check()
    doors = Doors(free_port())
    sampler = make_sampler(doors, **guarded())
    sampler.run_due()
    make_due()
    sampler.run_due()

    assert doors.looks == 24
    assert [failed.phase for failed in failures(doors)] == ["connect"] * 24 + ["circuit"] * 24
    assert failures(doors)[-1].message.startswith(f"connection refused; not asked: 127.0.0.1:{doors.port} is failing")


def test_a_source_that_was_not_asked_comes_back_within_seconds(make_sampler: MakeSampler) -> None:
    for _ in range(24):
        make_check(interval_ms=600_000)
    sampler = make_sampler(Doors(free_port()), **guarded())
    sampler.run_due()
    make_due()
    sampler.run_due()
    now = database_now_ms()
    for state in CheckState.objects.all():
        assert state.next_due_ms is not None
        assert state.next_due_ms - now <= POLICY.open_ms + 2_000


def test_sources_that_answer_are_no_call_of_the_store(make_sampler: MakeSampler) -> None:
    make_check()
    storage = MemoryStorage()
    with run_peer(lambda _connection: None) as port:
        doors = Doors(port)
        make_sampler(doors, **(guarded() | {"breakers": TargetBreakers(storage)})).run_due()
    assert len(doors.samples) == 1
    assert storage.names() == []

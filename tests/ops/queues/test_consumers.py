"""Pausing and resuming the consumers of a queue: those that were paused from here, and no others."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import pytest

from core.errors import Conflict, Unavailable
from core.models import AuditEntry
from core.permissions import Principal
from ops.probing.probe import ProbeContext, ProbeFailed
from ops.queues.models import PausedConsumer, Queue
from ops.queues.services import pause_consumers, resume_consumers
from ops.queues.sources import SOURCES
from ops.queues.sources.source import Consumer
from tests.ops.queues.list_source import ReadOnlySource

pytestmark = pytest.mark.django_db(transaction=True)


class ConsumedSource(ReadOnlySource):
    """Its consumers are names; ``silent`` ones are told, and do not answer."""

    name: ClassVar[str] = "test-consumed"

    def __init__(self) -> None:
        super().__init__()
        self.consuming = {"one", "two"}
        self.silent: set[str] = set()
        self.is_away = False

    async def consumers(self, config: Any, context: ProbeContext) -> Sequence[Consumer]:
        return [Consumer("here", name) for name in sorted(self.consuming)]

    async def pause(self, config: Any, context: ProbeContext, consumers: Sequence[Consumer]) -> Sequence[Consumer]:
        if self.is_away:
            raise ProbeFailed("connect", "connection refused")
        self.consuming -= {consumer.name for consumer in consumers}
        return consumers

    async def resume(self, config: Any, context: ProbeContext, consumers: Sequence[Consumer]) -> Sequence[Consumer]:
        done = [consumer for consumer in consumers if consumer.name not in self.silent]
        self.consuming |= {consumer.name for consumer in done}
        return done


@pytest.fixture
def source() -> Iterator[ConsumedSource]:
    source = ConsumedSource()
    SOURCES.register(source.name, source)
    yield source
    del SOURCES._items[source.name]


@pytest.fixture
def queue(source: ConsumedSource, make_queue: Callable[..., Queue]) -> Queue:
    return make_queue(kind=source.name)


def remembered() -> list[str]:
    return list(PausedConsumer.objects.order_by("name").values_list("name", flat=True))


def test_those_that_were_paused_are_resumed(source: ConsumedSource, queue: Queue, operator: Principal) -> None:
    assert pause_consumers(principal=operator, uid=queue.uid) == 2
    assert remembered() == ["one", "two"]
    assert AuditEntry.objects.get(action="queue.pause_consumers").after == {"consumers": ["one", "two"]}

    assert resume_consumers(principal=operator, uid=queue.uid) == 2
    assert source.consuming == {"one", "two"}
    assert remembered() == []


def test_without_a_paused_consumer_nobody_is_told(source: ConsumedSource, queue: Queue, operator: Principal) -> None:
    with pytest.raises(Conflict, match="paused from here"):
        resume_consumers(principal=operator, uid=queue.uid)
    source.consuming = set()
    with pytest.raises(Conflict, match="no consumer"):
        pause_consumers(principal=operator, uid=queue.uid)
    assert not AuditEntry.objects.filter(action__endswith="_consumers").exists()


def test_one_that_does_not_answer_stays_remembered(source: ConsumedSource, queue: Queue, operator: Principal) -> None:
    pause_consumers(principal=operator, uid=queue.uid)
    source.silent = {"two"}

    assert resume_consumers(principal=operator, uid=queue.uid) == 1
    assert remembered() == ["two"]


def test_those_of_a_pause_that_failed_can_be_resumed(source: ConsumedSource, queue: Queue, operator: Principal) -> None:
    """Nobody knows how far it came."""
    source.is_away = True
    with pytest.raises(Unavailable):
        pause_consumers(principal=operator, uid=queue.uid)

    assert remembered() == ["one", "two"]
    assert resume_consumers(principal=operator, uid=queue.uid) == 2

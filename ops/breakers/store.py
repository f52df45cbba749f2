"""What is known of breakers: news of instances come in, are ordered, and add up to the state of each breaker.

News of every way meet here. The rows of the breakers are locked first, in the order of their keys.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from django.db import transaction
from django.db.models import Count, Q, QuerySet

from entities.lifecycle import lock_catalogue
from entities.models import Entity
from ops.breakers.domain import (
    BreakerState,
    Sighting,
    calls_per_minute,
)
from ops.breakers.models import (
    BREAKERS_PER_ENTITY_MAX,
    INSTANCES_PER_ENTITY_MAX,
    MESSAGE_MAX,
    BreakerInstance,
    FleetBreaker,
)
from ops.breakers.writing import InstanceKey, Writing

type _Key = tuple[int, str]
"""An entity and the name of a breaker."""


class News(NamedTuple):
    """A sighting, whose it is, and the way it came; ``source_id`` is None for a report."""

    entity_id: int
    kind: str
    sighting: Sighting
    source_id: int | None = None


@dataclass(slots=True)
class Taken:
    """What became of the news, by their index: those not named here are stored.

    ``repeated`` were known already, ``older`` came after newer ones, ``over_limit`` did not fit.
    """

    repeated: list[int] = field(default_factory=list)
    older: list[int] = field(default_factory=list)
    over_limit: list[int] = field(default_factory=list)


@transaction.atomic
def ensure_breakers(news: Sequence[News], *, now_ms: int) -> set[_Key]:
    """Create the breakers that the news tell of, and return those for which their entities have no room.

    Before any row is locked, as the catalogue does: no entity may go meanwhile, and nobody else fill the room.
    """
    kinds = {(item.entity_id, item.sighting.breaker): item.kind for item in news}
    known = _named(FleetBreaker.objects.all(), kinds.keys())
    missing = [key for key in kinds if key not in known]
    if not missing:
        return set()
    lock_catalogue()
    entities = Entity.objects.filter(pk__in={entity_id for entity_id, _ in missing})
    room = dict.fromkeys(entities.values_list("pk", flat=True), BREAKERS_PER_ENTITY_MAX)
    counts = FleetBreaker.objects.filter(entity_id__in=room).order_by().values_list("entity_id")
    for entity_id, count in counts.annotate(Count("id")):
        room[entity_id] -= count
    new, full = [], set[_Key]()
    for entity_id, name in missing:
        if room.get(entity_id, 0) <= 0:
            full.add((entity_id, name))
        else:
            room[entity_id] -= 1
            kind = kinds[entity_id, name]
            new.append(FleetBreaker(entity_id=entity_id, name=name, kind=kind, since_ms=now_ms, fresh_until_ms=now_ms))
    FleetBreaker.objects.bulk_create(new, ignore_conflicts=True)
    return full


@dataclass(slots=True)
class Placed:
    """News in their places, with their breakers locked; ``write`` stores them and belongs at the end of the
    transaction: it takes the platform's next number. ``missing`` are breakers that are not there."""

    taken: Taken = field(default_factory=Taken)
    missing: set[_Key] = field(default_factory=set)
    writing: Writing | None = None
    breakers: Collection[FleetBreaker] = ()
    instances: Collection[BreakerInstance] = ()

    def write(self) -> None:
        if self.writing is not None:
            self.writing.write(self.breakers, self.instances)


@transaction.atomic
def take_news(news: Sequence[News], *, now_ms: int) -> Taken:
    """``ensure_breakers``, ``place_news``, and write them. A breaker that is deleted between the two is made again."""
    full = ensure_breakers(news, now_ms=now_ms)
    with transaction.atomic():
        placed = place_news(news, now_ms=now_ms)
        if deleted := placed.missing - full:
            transaction.set_rollback(True)  # nothing is written yet; rows are locked after the catalogue, so let go
    if deleted:
        ensure_breakers(news, now_ms=now_ms)
        placed = place_news(news, now_ms=now_ms)
    placed.write()
    return placed.taken


def place_news(news: Sequence[News], *, now_ms: int, complete: Collection[int] = ()) -> Placed:
    """Put them in the order of their time for each instance, whatever the order they come in. In a transaction.

    News that are not newer than what is known of their instance change nothing, so the same may come again. Those of
    a breaker that ``ensure_breakers`` did not create are over the limit. ``complete`` are sources that told here of
    all that they know: what else they told of before is forgotten.
    """
    told = {(item.source_id, item.sighting.breaker, item.sighting.instance) for item in news}
    gone = _breakers_not_told(told, complete)
    if not (news or gone):
        return Placed()
    taken, writing, missing = Taken(), Writing(now_ms), set[_Key]()
    locked = _lock({(item.entity_id, item.sighting.breaker) for item in news}, gone)
    breakers = {(breaker.entity_id, breaker.name): breaker for breaker in locked}
    instances = _instances_of([breaker.pk for breaker in locked])
    names = {breaker.pk: breaker.name for breaker in locked}
    forgotten = [
        key
        for key, row in instances.items()
        if row.source_id in complete and (row.source_id, names[row.breaker_id], row.instance) not in told
    ]
    writing.forgotten = [instances.pop(key) for key in forgotten]
    room = _InstanceRoom({item.entity_id for item in news})
    for index in sorted(range(len(news)), key=lambda index: news[index].sighting.position):
        item = news[index]
        breaker = breakers.get((item.entity_id, item.sighting.breaker))
        if breaker is None:
            missing.add((item.entity_id, item.sighting.breaker))
            taken.over_limit.append(index)
            continue
        key = (breaker.pk, item.sighting.instance)
        known = instances.get(key)
        if known is None:
            if not room.take(item.entity_id):
                taken.over_limit.append(index)
                continue
            instances[key] = writing.changed[key] = _first(breaker, item, writing)
        elif item.sighting.position <= (known.told_ms, known.sequence):
            repeated = item.sighting.position == (known.told_ms, known.sequence)
            (taken.repeated if repeated else taken.older).append(index)
        else:
            _follow(known, item, writing)
            writing.changed[key] = known
    return Placed(taken, missing, writing, locked, instances.values())


@transaction.atomic
def silence_stale(*, now_ms: int, limit: int = 2_000) -> int:
    """Turn instances unknown of which news stopped coming; how many they were."""
    stale = BreakerInstance.objects.filter(fresh_until_ms__lt=now_ms).exclude(state=BreakerState.UNKNOWN)
    ids = set(stale.order_by("fresh_until_ms").values_list("breaker_id", flat=True)[:limit])
    if not ids:
        return 0
    breakers = list(_locked().filter(pk__in=ids).order_by("pk"))
    instances, writing = _instances_of([breaker.pk for breaker in breakers]), Writing(now_ms)
    for key, instance in instances.items():
        if instance.fresh_until_ms < now_ms and instance.state != BreakerState.UNKNOWN:
            writing.move(instance, BreakerState.UNKNOWN, instance.fresh_until_ms)
            instance.next_half_open_ms = instance.calls_per_minute = None
            writing.changed[key] = instance
    writing.write(breakers, instances.values())
    return len(writing.changed)


@transaction.atomic
def forget_source(source_id: int, *, now_ms: int) -> None:
    """Remove the instances that the source told of."""
    instances = BreakerInstance.objects.filter(source_id=source_id)
    ids = set(instances.values_list("breaker_id", flat=True))
    list(_locked().filter(pk__in=ids).order_by("pk").values_list("pk"))
    instances.filter(breaker_id__in=ids).delete()
    add_up_again(ids, now_ms=now_ms)


@transaction.atomic
def add_up_again(breaker_ids: Collection[int], *, now_ms: int) -> None:
    """After instances were removed: what is left decides, and a breaker without any goes."""
    breakers = list(_locked().filter(pk__in=breaker_ids).order_by("pk"))
    instances = _instances_of([breaker.pk for breaker in breakers])
    Writing(now_ms).write(breakers, instances.values())


def _locked() -> QuerySet[FleetBreaker]:
    return FleetBreaker.objects.select_for_update(of=("self",), no_key=True)


def _breakers_not_told(told: Collection[tuple[int | None, str, str]], complete: Collection[int]) -> set[int]:
    """The breakers that lose an instance; which one is judged once they are locked."""
    known = BreakerInstance.objects.filter(source_id__in=complete)
    rows = known.values_list("breaker_id", "source_id", "breaker__name", "instance") if complete else ()
    return {row[0] for row in rows if row[1:] not in told}


def _lock(keys: Collection[_Key], ids: Collection[int]) -> list[FleetBreaker]:
    """Those of the names and those of the primary keys, in one order."""
    named = Q(entity_id__in={key[0] for key in keys}, name__in={key[1] for key in keys})
    wanted = FleetBreaker.objects.filter(named | Q(pk__in=ids)).values_list("pk", "entity_id", "name")
    found = [pk for pk, entity_id, name in wanted if (entity_id, name) in keys or pk in ids]
    return list(_locked().filter(pk__in=found).order_by("pk"))


def _named(breakers: QuerySet[FleetBreaker], keys: Collection[_Key]) -> dict[_Key, FleetBreaker]:
    """Read in the order of their primary keys, with those of one entity that have the name of another's."""
    rows = breakers.filter(entity_id__in={key[0] for key in keys}, name__in={key[1] for key in keys}).order_by("pk")
    found = {(breaker.entity_id, breaker.name): breaker for breaker in rows}
    return {key: found[key] for key in keys if key in found}


def _instances_of(breaker_ids: Collection[int]) -> dict[InstanceKey, BreakerInstance]:
    rows = BreakerInstance.objects.filter(breaker_id__in=breaker_ids)
    return {(row.breaker_id, row.instance): row for row in rows}


class _InstanceRoom:
    """How many instances entities may still get; counted when the first new one comes."""

    def __init__(self, entity_ids: Collection[int]) -> None:
        self._entity_ids = entity_ids
        self._left: dict[int, int] = {}

    def take(self, entity_id: int) -> bool:
        if not self._left:
            self._left = dict.fromkeys(self._entity_ids, INSTANCES_PER_ENTITY_MAX)
            rows = BreakerInstance.objects.filter(breaker__entity_id__in=self._entity_ids).order_by()
            for entity, count in rows.values_list("breaker__entity_id").annotate(Count("id")):
                self._left[entity] -= count
        self._left[entity_id] -= 1
        return self._left[entity_id] >= 0


def _first(breaker: FleetBreaker, item: News, writing: Writing) -> BreakerInstance:
    sighting = item.sighting
    instance = BreakerInstance(breaker=breaker, instance=sighting.instance, state=sighting.state)
    _keep(instance, item, writing.now_ms)
    writing.move(instance, sighting.state, _moment_of(sighting), is_first=True)
    instance.changed_ms = sighting.since_ms
    return instance


def _follow(instance: BreakerInstance, item: News, writing: Writing) -> None:
    sighting = item.sighting
    rate = calls_per_minute(instance.calls, sighting.counters.calls, elapsed_ms=sighting.at_ms - instance.told_ms)
    if sighting.state != instance.state:
        # Never before what is known already, however the clock of the instance goes.
        writing.move(instance, sighting.state, max(_moment_of(sighting), instance.since_ms))
    _keep(instance, item, writing.now_ms)
    instance.calls_per_minute = rate


def _moment_of(sighting: Sighting) -> int:
    since = sighting.since_ms
    return sighting.at_ms if since is None else min(since, sighting.at_ms)


def _keep(instance: BreakerInstance, item: News, now_ms: int) -> None:
    sighting = item.sighting
    instance.kind, instance.source_id = item.kind, item.source_id
    instance.told_ms, instance.sequence = sighting.position
    instance.last_seen_ms, instance.fresh_until_ms = now_ms, sighting.fresh_until_ms
    instance.next_half_open_ms = sighting.next_half_open_ms
    instance.message = sighting.message[:MESSAGE_MAX]
    for name, value in sighting.counters._asdict().items():
        setattr(instance, name, value)

"""What is known of breakers: news of instances come in, are ordered, and add up to the state of each breaker.

News of every way meet here. The rows of the breakers are locked first, in the order of their keys.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from django.db import transaction
from django.db.models import Count, QuerySet

from core.revision import take_revision
from entities.lifecycle import lock_catalogue
from entities.models import Entity
from ops.breakers.domain import (
    STATUSES,
    Aggregate,
    BreakerState,
    InstanceStanding,
    Sighting,
    aggregate,
    calls_per_minute,
)
from ops.breakers.models import (
    BREAKERS_PER_ENTITY_MAX,
    INSTANCES_PER_ENTITY_MAX,
    MESSAGE_MAX,
    BreakerInstance,
    BreakerTransition,
    FleetBreaker,
)
from ops.journal.services import NewEntry, record_entries
from ops.signals.domain import Status

JOURNAL_KIND = "breaker.state"
_KEY = ("breaker", "instance")
_WRITTEN = (
    "kind", "source", "state", "since_ms", "changed_ms", "told_ms", "sequence", "last_seen_ms", "fresh_until_ms",
    "next_half_open_ms", "calls", "failures", "slow", "not_permitted", "buffered", "failure_share", "slow_share",
    "calls_per_minute", "message",
)  # fmt: skip
_AGGREGATE = (
    "state", "since_ms", "matching", "instance_count", "silent", "fresh_until_ms", "last_transition_ms",
    "next_half_open_ms", "failure_share", "calls_per_minute", "message", "kind", "revision",
)  # fmt: skip

type _Key = tuple[int, str]
"""Of a breaker the entity and its name; of an instance the breaker and its label."""


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


@dataclass(slots=True)
class _Writing:
    """What one transaction is going to write."""

    now_ms: int
    changed: dict[_Key, BreakerInstance] = field(default_factory=dict)
    transitions: list[BreakerTransition] = field(default_factory=list)

    def move(self, instance: BreakerInstance, state: BreakerState, at_ms: int, *, is_first: bool = False) -> None:
        before = "" if is_first else instance.state
        self.transitions.append(
            BreakerTransition(
                breaker_id=instance.breaker_id, instance=instance.instance, before=before, after=state, at_ms=at_ms
            )
        )
        instance.state, instance.since_ms = state, at_ms
        if not is_first:
            instance.changed_ms = at_ms


@transaction.atomic
def take_news(news: Sequence[News], *, now_ms: int) -> Taken:
    """Store them, those of one instance in the order of their time, whatever the order they come in.

    News that are not newer than what is known of their instance change nothing, so the same may come again.
    """
    taken, writing = Taken(), _Writing(now_ms)
    if not news:
        return taken
    breakers = _lock_breakers({(item.entity_id, item.sighting.breaker): item.kind for item in news}, now_ms)
    instances = _instances_of([breaker.pk for breaker in breakers.values()])
    room = _InstanceRoom({item.entity_id for item in news})
    for index in sorted(range(len(news)), key=lambda index: news[index].sighting.position):
        item = news[index]
        breaker = breakers.get((item.entity_id, item.sighting.breaker))
        if breaker is None:
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
    _write(writing, breakers.values(), instances.values())
    return taken


@transaction.atomic
def silence_stale(*, now_ms: int, limit: int = 2_000) -> int:
    """Turn instances unknown of which news stopped coming; how many they were."""
    stale = BreakerInstance.objects.filter(fresh_until_ms__lt=now_ms).exclude(state=BreakerState.UNKNOWN)
    ids = set(stale.order_by("fresh_until_ms").values_list("breaker_id", flat=True)[:limit])
    if not ids:
        return 0
    breakers = list(_locked().filter(pk__in=ids).order_by("pk"))
    instances, writing = _instances_of([breaker.pk for breaker in breakers]), _Writing(now_ms)
    for key, instance in instances.items():
        if instance.fresh_until_ms < now_ms and instance.state != BreakerState.UNKNOWN:
            writing.move(instance, BreakerState.UNKNOWN, instance.fresh_until_ms)
            instance.next_half_open_ms = instance.calls_per_minute = None
            writing.changed[key] = instance
    _write(writing, breakers, instances.values())
    return len(writing.changed)


@transaction.atomic
def add_up_again(breaker_ids: Collection[int], *, now_ms: int) -> None:
    """After instances were removed: what is left decides, and a breaker without any goes."""
    breakers = list(_locked().filter(pk__in=breaker_ids).order_by("pk"))
    instances = _instances_of([breaker.pk for breaker in breakers])
    left = {breaker_id for breaker_id, _ in instances}
    FleetBreaker.objects.filter(pk__in=[breaker.pk for breaker in breakers if breaker.pk not in left]).delete()
    _write(_Writing(now_ms), [breaker for breaker in breakers if breaker.pk in left], instances.values())
    if len(left) < len(breakers):
        take_revision()


def _locked() -> QuerySet[FleetBreaker]:
    return FleetBreaker.objects.select_for_update(of=("self",), no_key=True)


def _lock_breakers(wanted: Mapping[_Key, str], now_ms: int) -> dict[_Key, FleetBreaker]:
    """The breakers by entity and name, new ones included as far as there is room for them."""
    known = {(breaker.entity_id, breaker.name) for breaker in _named(FleetBreaker.objects.all(), wanted)}
    if missing := [key for key in wanted if key not in known]:
        _create_breakers(missing, wanted, now_ms)
    rows = _named(_locked(), wanted).order_by("pk")
    found = {(breaker.entity_id, breaker.name): breaker for breaker in rows}
    return {key: found[key] for key in wanted if key in found}


def _named(breakers: QuerySet[FleetBreaker], keys: Iterable[_Key]) -> QuerySet[FleetBreaker]:
    """All of them, and those of these entities that have the name of one of another."""
    return breakers.filter(entity_id__in={key[0] for key in keys}, name__in={key[1] for key in keys})


def _create_breakers(missing: Sequence[_Key], kinds: Mapping[_Key, str], now_ms: int) -> None:
    # Before any row is locked, as the catalogue does: no entity may go meanwhile, and nobody else fill the room.
    lock_catalogue()
    entity_ids = {entity_id for entity_id, _ in missing}
    room = dict.fromkeys(Entity.objects.filter(pk__in=entity_ids).values_list("pk", flat=True), BREAKERS_PER_ENTITY_MAX)
    counts = FleetBreaker.objects.filter(entity_id__in=entity_ids).order_by().values_list("entity_id")
    for entity_id, count in counts.annotate(Count("id")):
        room[entity_id] -= count
    new = []
    for entity_id, name in missing:
        if room.get(entity_id, 0) > 0:
            room[entity_id] -= 1
            new.append(FleetBreaker(entity_id=entity_id, name=name, kind=kinds[entity_id, name], since_ms=now_ms))
    FleetBreaker.objects.bulk_create(new, ignore_conflicts=True)


def _instances_of(breaker_ids: Collection[int]) -> dict[_Key, BreakerInstance]:
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


def _first(breaker: FleetBreaker, item: News, writing: _Writing) -> BreakerInstance:
    sighting = item.sighting
    instance = BreakerInstance(breaker=breaker, instance=sighting.instance, state=sighting.state)
    _keep(instance, item, writing.now_ms)
    writing.move(instance, sighting.state, _moment_of(sighting), is_first=True)
    instance.changed_ms = sighting.since_ms
    return instance


def _follow(instance: BreakerInstance, item: News, writing: _Writing) -> None:
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


def _write(writing: _Writing, breakers: Iterable[FleetBreaker], instances: Iterable[BreakerInstance]) -> None:
    if writing.changed:
        BreakerInstance.objects.bulk_create(
            writing.changed.values(), update_conflicts=True, unique_fields=_KEY, update_fields=_WRITTEN
        )
    BreakerTransition.objects.bulk_create(writing.transitions)
    of_breaker: dict[int, list[BreakerInstance]] = defaultdict(list)
    for instance in instances:
        of_breaker[instance.breaker_id].append(instance)
    entries, moved, kept = [], [], []
    for breaker in breakers:
        before = breaker.state
        _add_up(breaker, of_breaker[breaker.pk], writing.now_ms)
        kept.append(breaker)
        if before != breaker.state:
            moved.append(breaker)
            if before != BreakerState.UNKNOWN or STATUSES[BreakerState(breaker.state)] is not Status.HEALTHY:
                entries.append(_entry(breaker, before))
    record_entries(entries)
    moved_instances = {transition.breaker_id for transition in writing.transitions}
    shown = [breaker for breaker in kept if breaker in moved or breaker.pk in moved_instances]
    if shown:
        revision = take_revision()
        for breaker in shown:
            breaker.revision = revision
    FleetBreaker.objects.bulk_update(kept, _AGGREGATE, batch_size=500)


def _add_up(breaker: FleetBreaker, instances: Sequence[BreakerInstance], now_ms: int) -> None:
    found: Aggregate = aggregate([_standing(instance) for instance in instances], now_ms)
    if found.state != breaker.state:
        moved = found.last_transition_ms
        breaker.since_ms = moved if moved is not None and breaker.since_ms < moved <= now_ms else now_ms
    breaker.state = found.state
    breaker.matching, breaker.instance_count, breaker.silent = found.matching, found.instances, found.silent
    breaker.fresh_until_ms = found.fresh_until_ms
    breaker.last_transition_ms, breaker.next_half_open_ms = found.last_transition_ms, found.next_half_open_ms
    breaker.failure_share, breaker.calls_per_minute = found.failure_share, found.calls_per_minute
    newest = max(instances, key=lambda instance: instance.last_seen_ms)
    breaker.kind = newest.kind
    telling = [instance for instance in instances if instance.state == found.state and instance.message]
    breaker.message = max(telling, key=lambda instance: instance.told_ms).message if telling else ""


def _standing(instance: BreakerInstance) -> InstanceStanding:
    return InstanceStanding(
        state=BreakerState(instance.state),
        fresh_until_ms=instance.fresh_until_ms,
        changed_ms=instance.changed_ms,
        next_half_open_ms=instance.next_half_open_ms,
        calls_per_minute=instance.calls_per_minute,
        buffered=instance.buffered,
        failure_share=instance.failure_share,
    )


def _entry(breaker: FleetBreaker, before: str) -> NewEntry:
    where = f"on {breaker.matching} of {breaker.instance_count} instances" if breaker.instance_count > 1 else ""
    return NewEntry(
        entity_id=breaker.entity_id, at_ms=breaker.since_ms, kind=JOURNAL_KIND, subject=breaker.name, before=before,
        after=breaker.state, message=": ".join(part for part in (where, breaker.message) if part),
    )  # fmt: skip

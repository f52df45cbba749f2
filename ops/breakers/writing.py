"""Writing what became of breakers in one transaction: instances, transitions, what they add up to, the timeline."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from core.revision import take_revision
from ops.breakers.domain import STATUSES, BreakerState, InstanceStanding, aggregate
from ops.breakers.models import BreakerInstance, BreakerTransition, FleetBreaker
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

type InstanceKey = tuple[int, str]
"""A breaker and the label of its instance."""


@dataclass(slots=True)
class Writing:
    """What one transaction is going to write."""

    now_ms: int
    changed: dict[InstanceKey, BreakerInstance] = field(default_factory=dict)
    transitions: list[BreakerTransition] = field(default_factory=list)
    forgotten: list[BreakerInstance] = field(default_factory=list)

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

    def write(self, breakers: Iterable[FleetBreaker], instances: Iterable[BreakerInstance]) -> None:
        """``breakers`` are locked by the caller, ``instances`` are all that they have; one without any is removed."""
        if self.forgotten:
            BreakerInstance.objects.filter(pk__in=[instance.pk for instance in self.forgotten]).delete()
        if self.changed:
            BreakerInstance.objects.bulk_create(
                self.changed.values(), update_conflicts=True, unique_fields=_KEY, update_fields=_WRITTEN
            )
        BreakerTransition.objects.bulk_create(self.transitions)
        of_breaker: dict[int, list[BreakerInstance]] = defaultdict(list)
        for instance in instances:
            of_breaker[instance.breaker_id].append(instance)
        kept = [breaker for breaker in breakers if breaker.pk in of_breaker]
        empty = [breaker.pk for breaker in breakers if breaker.pk not in of_breaker]
        if empty:
            FleetBreaker.objects.filter(pk__in=empty).delete()
        before = {breaker.pk: breaker.state for breaker in kept}
        for breaker in kept:
            _add_up(breaker, of_breaker[breaker.pk], self.now_ms)
        moved = [breaker for breaker in kept if breaker.state != before[breaker.pk]]
        record_entries(_entry(breaker, before[breaker.pk]) for breaker in moved if _is_news(breaker, before))
        self._number(kept, {breaker.pk for breaker in moved})
        # Rows that exist: as updates, the statement would hold a case for each value.
        FleetBreaker.objects.bulk_create(
            kept, update_conflicts=True, unique_fields=("entity", "name"), update_fields=_AGGREGATE
        )

    def _number(self, breakers: Iterable[FleetBreaker], moved: set[int]) -> None:
        """Give what pages show differently the platform's next number; last, as its row is everybody's."""
        shown = moved | {row.breaker_id for row in self.transitions} | {row.breaker_id for row in self.forgotten}
        if shown:
            revision = take_revision()
            for breaker in breakers:
                if breaker.pk in shown:
                    breaker.revision = revision


def _is_news(breaker: FleetBreaker, before: Mapping[int, str]) -> bool:
    """One that begins in good order is none."""
    return before[breaker.pk] != BreakerState.UNKNOWN or STATUSES[BreakerState(breaker.state)] is not Status.HEALTHY


def _add_up(breaker: FleetBreaker, instances: Sequence[BreakerInstance], now_ms: int) -> None:
    found = aggregate([_standing(instance) for instance in instances], now_ms)
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

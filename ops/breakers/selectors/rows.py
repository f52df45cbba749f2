"""What reads of breakers give: frozen rows, for pages and the API, of the fleet's breakers and of our own."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from core.clock import from_ms
from ops.breakers.domain import STATUSES, Action, Aggregate, BreakerState, summarize
from ops.breakers.models import BreakerInstance, BreakerTransition, FleetBreaker
from ops.breakers.selectors.effective import SILENT, state_at


@dataclass(frozen=True, slots=True)
class InstanceRow:
    """One instance; its counters and shares (0 to 1) are None where it does not tell them."""

    instance: str
    kind: str
    source: str | None
    state: str
    since: dt.datetime
    last_seen: dt.datetime
    next_half_open_at: dt.datetime | None
    calls: int | None
    failures: int | None
    slow: int | None
    not_permitted: int | None
    buffered: int | None
    failure_share: float | None
    slow_share: float | None
    calls_per_minute: float | None
    message: str


@dataclass(frozen=True, slots=True)
class BreakerRow:
    """A breaker as it stands.

    ``status`` is a word of ``signals.Status``, ``state`` one of ``BreakerState``, which ``summary`` says in words.
    ``failure_share`` is 0 to 1, None when no instance tells; ``calls_per_minute`` is their sum.
    ``can`` holds the words of the actions that it takes; ``is_reported`` that no source reads any of its instances.
    """

    uid: str
    name: str
    entity_id: int | None
    entity_name: str
    kind: str
    status: str
    state: str
    summary: str
    since: dt.datetime
    last_transition_at: dt.datetime | None
    next_half_open_at: dt.datetime | None
    failure_share: float | None
    calls_per_minute: float | None
    instance_count: int
    matching: int
    silent: int
    instances: tuple[InstanceRow, ...]
    message: str
    can: frozenset[str] = frozenset()
    is_reported: bool = False


@dataclass(frozen=True, slots=True)
class TransitionRow:
    """``before`` is empty for the first news of an instance."""

    id: int
    instance: str
    before: str
    after: str
    at: dt.datetime


def breaker_row_of(
    breaker: FleetBreaker,
    instances: Iterable[InstanceRow],
    actions: Iterable[Action],
    *,
    is_reported: bool,
    now_ms: int,
) -> BreakerRow:
    """``breaker`` with its entity at hand."""
    found = stored_aggregate(breaker, now_ms)
    is_silent = found.state is BreakerState.UNKNOWN
    turned_silent = is_silent and breaker.state != BreakerState.UNKNOWN
    return BreakerRow(
        uid=breaker.uid,
        name=breaker.name,
        entity_id=breaker.entity_id,
        entity_name=breaker.entity.name,
        kind=breaker.kind,
        status=STATUSES[found.state].word,
        state=found.state.value,
        summary=summarize(found, now_ms),
        since=from_ms(breaker.fresh_until_ms if turned_silent else breaker.since_ms),
        last_transition_at=moment(breaker.last_transition_ms),
        next_half_open_at=moment(found.next_half_open_ms),
        failure_share=found.failure_share,
        calls_per_minute=found.calls_per_minute,
        instance_count=found.instances,
        matching=found.matching,
        silent=found.silent,
        instances=tuple(instances),
        message=SILENT if is_silent else breaker.message,
        can=frozenset(action.value for action in actions),
        is_reported=is_reported,
    )


def stored_aggregate(breaker: FleetBreaker, now_ms: int) -> Aggregate:
    """As it was written last; once all news stopped coming, nothing but that."""
    if state_at(breaker.state, breaker.fresh_until_ms, now_ms) is BreakerState.UNKNOWN:
        return Aggregate(
            state=BreakerState.UNKNOWN,
            matching=breaker.instance_count,
            instances=breaker.instance_count,
            silent=breaker.instance_count,
            fresh_until_ms=breaker.fresh_until_ms,
            last_transition_ms=breaker.last_transition_ms,
        )
    return Aggregate(
        state=BreakerState(breaker.state),
        matching=breaker.matching,
        instances=breaker.instance_count,
        silent=breaker.silent,
        fresh_until_ms=breaker.fresh_until_ms,
        last_transition_ms=breaker.last_transition_ms,
        next_half_open_ms=breaker.next_half_open_ms,
        failure_share=breaker.failure_share,
        calls_per_minute=breaker.calls_per_minute,
    )


def instance_row_of(row: BreakerInstance, source: str | None, *, now_ms: int) -> InstanceRow:
    state = state_at(row.state, row.fresh_until_ms, now_ms)
    turned_silent = state is BreakerState.UNKNOWN and row.state != BreakerState.UNKNOWN
    return InstanceRow(
        instance=row.instance,
        kind=row.kind,
        source=source,
        state=state.value,
        since=from_ms(row.fresh_until_ms if turned_silent else row.since_ms),
        last_seen=from_ms(row.last_seen_ms),
        next_half_open_at=moment(row.next_half_open_ms),
        calls=row.calls,
        failures=row.failures,
        slow=row.slow,
        not_permitted=row.not_permitted,
        buffered=row.buffered,
        failure_share=row.failure_share,
        slow_share=row.slow_share,
        calls_per_minute=row.calls_per_minute,
        message=row.message,
    )


def transition_row_of(row: BreakerTransition) -> TransitionRow:
    return TransitionRow(row.pk, row.instance, row.before, row.after, from_ms(row.at_ms))


def moment(value_ms: int | None) -> dt.datetime | None:
    return None if value_ms is None else from_ms(value_ms)

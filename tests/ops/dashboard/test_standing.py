"""Where the fleet stands is read as a difference to what was known; it equals what a first look would find."""

from collections.abc import Callable
from unittest.mock import patch

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from core.audit import record_action
from core.permissions import system_principal
from entities.domain import Lifecycle, Strength
from entities.models import Dependency, Entity
from ops.breakers.models import FleetBreaker
from ops.dashboard import standing
from ops.dashboard.standing import Fleet
from ops.health.models import Check, CheckState
from ops.queues.models import Queue, QueueState
from ops.statuses import selectors

pytestmark = pytest.mark.django_db

START_MS = 1_700_000_000_000
ENTITIES = 3

entities = st.integers(0, ENTITIES - 1)
statuses = st.integers(0, 3)
moments = st.integers(-3, 3).map(lambda minutes: minutes * 60_000)

type Change = Callable[[int], object]
"""What happens to the fleet at a moment."""


def entity(number: int) -> Entity | None:
    return Entity.objects.filter(name=f"e{number}").first()


def edit(number: int, change: Callable[[Entity], object]) -> None:
    """As services edit: with an audit entry."""
    if found := entity(number):
        change(found)
        record_action(
            principal=system_principal("tester"), action="entity.update", target_type="entity", target_uid=found.uid,
            target_name=found.name,
        )  # fmt: skip


def set_check(  # noqa: PLR0917 - drawn
    number: int, name: str, status: int, since: int, fresh_for: int, level: str, message: str
) -> Change:
    def change(now: int) -> None:
        if found := entity(number):
            row, _ = Check.objects.update_or_create(
                entity=found, name=name, defaults={"kind": "http", "config": {}, "severity_level": level}
            )
            told = {
                "status": status,
                "since_ms": now + since,
                "fresh_until_ms": now + fresh_for,
                "last_message": message,
            }
            CheckState.objects.update_or_create(
                definition=row, defaults={"interval_ms": 60_000, "timeout_ms": 1_000, **told}
            )

    return change


def set_queue(number: int, status: int, since: int, fresh_for: int) -> Change:
    def change(now: int) -> None:
        if found := entity(number):
            row, _ = Queue.objects.get_or_create(entity=found, name="queue", kind="redis", config={})
            told = {"status": status, "since_ms": now + since, "fresh_until_ms": now + fresh_for}
            QueueState.objects.update_or_create(
                definition=row, defaults={"interval_ms": 60_000, "timeout_ms": 1_000, **told}
            )

    return change


def set_breaker(number: int, state: str, since: int, fresh_for: int) -> Change:
    def change(now: int) -> None:
        if found := entity(number):
            told = {"state": state, "since_ms": now + since, "fresh_until_ms": now + fresh_for}
            FleetBreaker.objects.update_or_create(entity=found, name="breaker", defaults=told)

    return change


def pause(number: int, paused: bool) -> Change:
    return lambda _now: Check.objects.filter(entity__name=f"e{number}").update(paused=paused)


def remove_signals(number: int) -> Change:
    def change(_now: int) -> None:
        for model in (Check, Queue, FleetBreaker):
            model._default_manager.filter(entity__name=f"e{number}").delete()

    return change


def need(number: int, other: int, strength: Strength | None) -> Change:
    def change(found: Entity) -> None:
        needed = entity(other)
        if needed is None or needed == found:
            return
        if strength is None:
            Dependency.objects.filter(entity=found, depends_on=needed).delete()
        else:
            Dependency.objects.update_or_create(entity=found, depends_on=needed, defaults={"strength": strength})

    return lambda _now: edit(number, change)


def set_lifecycle(number: int, lifecycle: Lifecycle) -> Change:
    return lambda _now: edit(number, lambda found: Entity.objects.filter(pk=found.pk).update(lifecycle=lifecycle))


def delete(number: int) -> Change:
    def change(found: Entity) -> None:
        Dependency.objects.filter(depends_on=found).delete()
        Entity.objects.filter(pk=found.pk).delete()

    return lambda _now: edit(number, change)


def add(number: int) -> Change:
    def change(_now: int) -> None:
        Entity.objects.get_or_create(name=f"e{number}", defaults={"kind": "service"})
        edit(number, lambda _found: None)

    return change


RESULTS = st.builds(
    set_check, entities, st.just("a"), st.sampled_from([0, 0, 3, 3, 2, 1]), st.just(0), st.just(120_000),
    st.just("critical"), st.sampled_from(["refused", "slow"]),
)  # fmt: skip
CHANGES = st.one_of(
    *[RESULTS] * 5,
    st.builds(
        set_check, entities, st.sampled_from(["a", "b"]), statuses, moments, moments,
        st.sampled_from(["critical", "warning", "info"]), st.just(""),
    ),
    st.builds(set_queue, entities, statuses, moments, moments),
    st.builds(set_breaker, entities, st.sampled_from(["closed", "open", "unknown"]), moments, moments),
    st.builds(pause, entities, st.booleans()),
    st.builds(remove_signals, entities),
    st.builds(need, entities, entities, st.sampled_from([*Strength, None])),
    st.builds(set_lifecycle, entities, st.sampled_from(list(Lifecycle))),
    st.builds(delete, entities),
    st.builds(add, entities),
)  # fmt: skip
STEPS = st.lists(st.tuples(st.lists(CHANGES, max_size=3), moments), min_size=6, max_size=12)
"""Changes that nobody looks at meanwhile, and by how much the clock moves then; it may be set back."""


@settings(deadline=None, max_examples=30)
@given(STEPS)
def test_after_any_changes_the_difference_leads_to_what_a_first_look_finds(
    steps: list[tuple[list[Change], int]],
) -> None:
    with transaction.atomic():
        for number in range(ENTITIES):
            add(number)(START_MS)
        need(0, 1, Strength.HARD)(START_MS)
        need(1, 2, Strength.HARD)(START_MS)
        now, known = START_MS, None
        for changes, passed in steps:
            for change in changes:
                change(now)
            now += passed
            known = look(now, known)
            first = look(now, None)
            assert known.statuses == first.statuses
            assert known.rows == first.rows
            assert known.counts == first.counts
        transaction.set_rollback(True)


def look(now: int, known: Fleet | None) -> Fleet:
    with patch.object(selectors, "database_now_ms", lambda: now):
        return standing._read("", 0.0, known)


def test_what_stays_the_same_is_not_made_again() -> None:
    for number in range(ENTITIES):
        add(number)(START_MS)
        set_check(number, "a", 0, -60_000, 60_000, "critical", "")(START_MS)
    known = look(START_MS, None)
    set_check(2, "a", 3, 0, 60_000, "critical", "")(START_MS)

    after = look(START_MS, known)

    assert [row.name for row in after.rows if row.status == "unhealthy"] == ["e2"]
    assert len({id(row) for row in after.rows} & {id(row) for row in known.rows}) == ENTITIES - 1


def test_who_suffered_is_well_again_with_its_cause_and_a_reason_in_other_words_is_read() -> None:
    for number in range(2):
        add(number)(START_MS)
        set_check(number, "a", 0, -60_000, 60_000, "critical", "")(START_MS)
    need(0, 1, Strength.HARD)(START_MS)
    set_check(1, "a", 3, 0, 60_000, "critical", "refused")(START_MS)
    known = look(START_MS, None)
    assert words(known) == {"e0": ("impacted", ""), "e1": ("unhealthy", "refused")}
    set_check(1, "a", 3, 0, 60_000, "critical", "slow")(START_MS)
    known = look(START_MS, known)
    assert words(known) == {"e0": ("impacted", ""), "e1": ("unhealthy", "slow")}
    set_check(1, "a", 0, 0, 60_000, "critical", "")(START_MS)
    assert words(look(START_MS, known)) == {"e0": ("healthy", ""), "e1": ("healthy", "")}


def words(fleet: Fleet) -> dict[str, tuple[str, str]]:
    reasons = {row.name: row.standing.reasons for row in fleet.rows}
    return {row.name: (row.status, "".join(each.message for each in reasons[row.name])) for row in fleet.rows}

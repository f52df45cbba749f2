"""A ``composite`` check through the engine: its members are read from the database."""

from collections.abc import Callable

import pytest

from core.permissions import Permission, Principal
from entities.models import Entity
from ops.health.engine.spine import Engine
from ops.health.models import Check, CheckState
from ops.health.selectors import check_row
from ops.signals.domain import Status
from tests.ops.health.factories import make_check as make_due_check
from tests.ops.health.factories import state_of

READER = Principal(name="user:reader", permissions=frozenset({Permission.CATALOG_VIEW}))


@pytest.fixture
def member(make_check: Callable[..., Check], make_entity: Callable[..., Entity]) -> Check:
    return make_check(make_entity("db"), "tcp", kind="tcp", message="connection refused")


@pytest.fixture
def composite(member: Check) -> Check:
    return make_due_check("composite", {"members": ["db/tcp"]})


def run_again(engine: Engine, check: Check) -> CheckState:
    CheckState.objects.filter(pk=check.pk).update(next_due_ms=1)
    engine.run_due_checks()
    return state_of(check)


def test_it_follows_its_members(engine: Engine, member: Check, composite: Check) -> None:
    assert run_again(engine, composite).status == Status.HEALTHY

    CheckState.objects.filter(pk=member.pk).update(status=Status.UNHEALTHY)

    state = run_again(engine, composite)
    assert state.status == Status.UNHEALTHY
    assert state.last_message == "0 of 1 healthy, 1 needed: db/tcp unhealthy (connection refused)"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda member: member.delete(), "does not exist"),
        (lambda member: Check.objects.filter(pk=member.pk).update(name="port"), "does not exist"),
        (lambda member: Check.objects.filter(pk=member.pk).update(paused=True), "paused"),
        (
            lambda member: CheckState.objects.filter(pk=member.pk).update(fresh_until_ms=1),
            "results stopped coming",
        ),
    ],
)
def test_a_member_that_says_nothing_makes_it_unknown_at_once(
    engine: Engine, member: Check, composite: Check, change: Callable[[Check], object], reason: str
) -> None:
    run_again(engine, composite)
    change(member)
    run_again(engine, composite)

    row = check_row(principal=READER, uid=composite.uid)
    assert (row.status, row.is_stale) == ("unknown", False)
    assert row.message == f"0 of 1 healthy, 1 needed: db/tcp unknown ({reason})"

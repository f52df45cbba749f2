"""Options of every check: retries, upside down, severity."""

import itertools
import socket
from collections.abc import Callable
from typing import Any

import pytest

from core.clock import database_now_ms
from core.errors import ValidationFailed
from core.permissions import Principal
from entities.models import Entity
from ops.health.definition import definition_of, parse_check
from ops.health.domain import NextSlot, Severity, counted_status, next_slot
from ops.health.engine.claim import claim_due_checks
from ops.health.engine.definitions import load_checks
from ops.health.engine.judging import Seen, judge
from ops.health.engine.spine import Engine
from ops.health.models import Check, CheckResult, CheckState
from ops.health.services import create_check, run_check_now
from ops.probing.probe import Observation, ProbeFailed
from ops.signals.domain import Status
from ops.statuses.selectors import entity_statuses
from tests.ops.health.engine.conftest import engine, make_engine  # noqa: F401 - fixtures
from tests.ops.health.factories import make_check as make_row
from tests.ops.health.factories import state_of

H, U, D, X = Status.HEALTHY, Status.UNKNOWN, Status.DEGRADED, Status.UNHEALTHY
TCP = {"name": "port", "kind": "tcp", "host": "10.1.2.3", "port": 5432}


class TestSlots:
    def run(self, outcomes: str, *, interval: int, retry: int | None) -> list[int]:
        """The slots of a check that starts at 0, from its outcomes."""
        slots, following = [], NextSlot(0)
        for outcome in outcomes:
            slots.append(following.due_ms)
            following = next_slot(
                following.due_ms,
                {"h": H, "u": U, "d": D, "x": X}[outcome],
                interval_ms=interval,
                retry_ms=retry,
                anchor_ms=following.anchor_ms,
            )
        return [*slots, following.due_ms]

    @pytest.mark.parametrize(
        ("outcomes", "retry", "slots"),
        [
            ("hxh", None, [0, 60, 120, 180]),
            ("hxxh", 10, [0, 60, 70, 80, 120]),
            ("xdux", 25, [0, 25, 50, 75, 100]),
            ("xxxh", 45, [0, 45, 90, 135, 180]),
            ("xh", 60, [0, 60, 120]),
            ("xxxxxxh", 10, [0, 10, 20, 30, 40, 50, 60, 120]),
        ],
    )
    def test_retries_go_between_the_regular_slots_and_back_to_them(
        self, outcomes: str, retry: int | None, slots: list[int]
    ) -> None:
        assert self.run(outcomes, interval=60, retry=retry) == slots

    def test_whatever_happens_slots_rise_and_health_is_looked_at_on_the_grid(self) -> None:
        for outcomes, retry in itertools.product(itertools.product("hux", repeat=6), (1, 7, 40, 60)):
            slots = self.run("".join(outcomes), interval=60, retry=retry)
            assert all(earlier < later <= earlier + 60 for earlier, later in itertools.pairwise(slots))
            after_health = [slot for slot, before in zip(slots[1:], outcomes, strict=True) if before == "h"]
            assert all(slot % 60 == 0 for slot in after_health)


@pytest.mark.django_db
class TestRetries:
    def test_a_check_in_trouble_is_looked_at_more_often(self, engine: Engine) -> None:  # noqa: F811
        with socket.socket() as listener:  # bound and not listening: refused
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
            check = make_row("tcp", {"host": "127.0.0.1", "port": port}, retry_interval_ms=5_000, due_in_ms=-100)
            slot = state_of(check).next_due_ms
            assert slot is not None

            engine.run_due_checks()

            state = state_of(check)
            assert (state.next_due_ms, state.retry_ms, state.anchor_ms) == (slot + 5_000, 5_000, slot)
            assert state.fresh_until_ms == slot + 5_000 + 10_000  # as long as its timeout of 5 s allows
            listener.listen()
            CheckState.objects.filter(pk=check.pk).update(next_due_ms=slot + 5)

            engine.run_due_checks()

            state = state_of(check)
            assert (state.next_due_ms, state.retry_ms, state.anchor_ms) == (slot + 60_000, None, None)
            assert state.fresh_until_ms == slot + 120_000

    def test_retries_that_passed_are_counted_by_their_own_step(self) -> None:
        check = make_row(due_in_ms=-3_500, interval_ms=60_000)
        CheckState.objects.filter(pk=check.pk).update(retry_ms=1_000, anchor_ms=0)
        due = state_of(check).next_due_ms
        assert due is not None

        (claim,) = claim_due_checks(limit=1)

        assert (claim.slot_ms, claim.missed, claim.anchor_ms) == (due + 3_000, 3, 0)

    def test_an_order_to_run_now_starts_the_rhythm_anew(self, operator: Principal) -> None:
        check = make_row("tcp", {"host": "10.1.2.3", "port": 1}, due_in_ms=30_000)
        CheckState.objects.filter(pk=check.pk).update(retry_ms=1_000, anchor_ms=0)

        run_check_now(principal=operator, uid=check.uid)

        assert (state_of(check).retry_ms, state_of(check).anchor_ms) == (None, None)

    def test_a_retry_is_never_slower_than_the_interval(self) -> None:
        assert parse_check({**TCP, "interval": "30s", "retry_interval": "30s"}).common.retry_interval == 30_000
        for wrong in ("31s", "500ms", "soon"):
            with pytest.raises(ValidationFailed) as caught:
                parse_check({**TCP, "interval": "30s", "retry_interval": wrong})
            assert [error.field for error in caught.value.errors] == ["retry_interval"]


def test_what_is_slow_is_known_before_the_time_is_over() -> None:
    assert parse_check({**TCP, "timeout": "5s", "degraded_above": "4s"}).common.degraded_above == 4_000
    for timing in ({"timeout": "5s", "degraded_above": "5s"}, {"degraded_above": "10s"}):
        with pytest.raises(ValidationFailed) as caught:
            parse_check({**TCP, **timing})
        (error,) = caught.value.errors
        assert (error.field, error.message.partition(", ")[0]) == ("degraded_above", "must be less than the timeout")
    beat = {"name": "it", "kind": "heartbeat", "period": "1h", "grace": "5m", "degraded_above": "30s"}
    assert parse_check(beat).common.degraded_above == 30_000


@pytest.mark.django_db
def test_what_was_stored_with_such_a_limit_is_read_as_it_is() -> None:
    check = make_row("tcp", {"host": "10.1.2.3", "port": 1}, timeout_ms=1_000, degraded_above_ms=2_000)

    assert definition_of(check).document()["degraded_above"] == "2s"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("seen", "outcome", "message"),
    [
        (Observation(900), X, "works, and should not: the check is upside down"),
        (Observation(9_000_000), X, "works, and should not: the check is upside down (took 9 s, limit 1 s)"),
        (ProbeFailed("connect", "connection refused"), H, "fails, as it should: connection refused"),
        (ProbeFailed("defect", "no such kind", outcome=U), U, "no such kind"),
    ],
)
def test_upside_down_a_target_should_be_away(seen: Seen, outcome: Status, message: str) -> None:
    check = make_row("tcp", {"host": "10.1.2.3", "port": 1}, upside_down=True, degraded_above_ms=1_000)

    judgement = judge(load_checks([check.pk])[check.pk], seen)

    assert (judgement.outcome, judgement.message) == (outcome, message)


@pytest.mark.parametrize(
    ("severity", "counted"),
    [(Severity.CRITICAL, [H, U, D, X]), (Severity.WARNING, [H, U, D, D]), (Severity.INFO, [None] * 4)],
)
def test_a_severity_says_what_a_status_counts_for(severity: Severity, counted: list[Status | None]) -> None:
    assert [counted_status(status, severity) for status in Status] == counted


@pytest.mark.parametrize("level", list(Severity))
@pytest.mark.parametrize("status", list(Status))
def test_an_entity_counts_what_the_rule_says(
    make_entity: Callable[..., Entity], make_check: Callable[..., Check], status: Status, level: Severity
) -> None:
    entity = make_entity("api")
    make_check(entity, status=status, severity_level=level, message="what was wrong")

    found = entity_statuses([entity.pk])[entity.pk]

    counted = counted_status(status, level)
    assert found.status == (Status.UNKNOWN if counted is None else counted).word
    assert [reason.status for reason in found.reasons] == ([counted.word] if counted else [])


def test_what_merely_informs_and_a_warning_make_no_cause(
    make_entity: Callable[..., Entity], make_check: Callable[..., Check]
) -> None:
    database = make_entity("db")
    api = make_entity("api", needs=(database,))
    make_check(database, "a", status=H)
    make_check(database, "b", status=X, severity_level="info")
    make_check(api)
    assert {status.status for status in entity_statuses(None).values()} == {"healthy"}

    make_check(database, "c", status=X, severity_level="warning")
    statuses = entity_statuses(None)
    assert (statuses[database.pk].status, statuses[api.pk].status) == ("degraded", "healthy")


def test_a_stale_warning_is_unknown(make_entity: Callable[..., Entity], make_check: Callable[..., Check]) -> None:
    entity = make_entity("api")
    make_check(entity, status=X, severity_level="warning", fresh_until_ms=database_now_ms() - 1)

    assert entity_statuses([entity.pk])[entity.pk].status == "unknown"


@pytest.mark.django_db
def test_options_are_stored_as_they_were_written(editor: Principal) -> None:
    Entity.objects.create(name="db", kind="datastore")
    options: dict[str, Any] = {"retry_interval": "5s", "upside_down": True, "severity": "warning"}
    definition = parse_check({**TCP, **options})
    assert definition.brief_document() == {**TCP, **options}

    saved = create_check(principal=editor, entity_ref="db", definition=definition)

    check = Check.objects.get(pk=saved.id)
    assert (check.retry_interval_ms, check.upside_down, check.severity_level) == (5_000, True, "warning")
    assert CheckResult.objects.count() == 0


@pytest.mark.parametrize(
    ("field", "value"), [("severity", "fatal"), ("severity", None), ("upside_down", "yes"), ("upside_down", None)]
)
def test_a_wrong_option_is_refused_at_its_field(field: str, value: object) -> None:
    with pytest.raises(ValidationFailed) as caught:
        parse_check({**TCP, field: value})
    assert [error.field for error in caught.value.errors] == [field]

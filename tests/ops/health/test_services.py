"""Writing checks: rules, schedule, audit and timeline in one transaction."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction

from core.clock import now_ms
from core.durations import parse_duration_ms
from core.errors import Conflict, NotFound, PermissionDenied, StaleVersion, ValidationFailed
from core.models import AuditEntry
from core.permissions import Principal
from core.revision import current_revision
from entities.models import Entity
from entities.services import delete_entity, update_entity
from ops.health import services
from ops.health.definition import definition_of, parse_check
from ops.health.models import Check, CheckResult, CheckState, Heartbeat, ResultDetail
from ops.health.selectors import check_detail, check_row
from ops.journal.selectors import timeline
from ops.signals.domain import Status

pytestmark = pytest.mark.django_db

type MakeEntity = Callable[..., Entity]

HTTP: dict[str, Any] = {"name": "http", "kind": "http", "url": "http://127.0.0.1:9001/health", "interval": "30s"}
BEAT: dict[str, Any] = {"name": "nightly", "kind": "heartbeat", "period": "1h", "grace": "10m"}


@pytest.fixture
def api(make_entity: MakeEntity) -> Entity:
    return make_entity("api")


@pytest.fixture
def add(api: Entity, editor: Principal) -> Callable[..., Check]:
    def add(**fields: Any) -> Check:
        definition = parse_check({**HTTP, **fields} if fields.get("kind") is None else fields)
        saved = services.create_check(principal=editor, entity_ref=api.name, definition=definition)
        return Check.objects.get(pk=saved.id)

    return add


def state(check: Check) -> CheckState:
    return CheckState.objects.get(pk=check.pk)


def stand(check: Check, **fields: Any) -> CheckState:
    """Let the engine have written something."""
    fields = {"status": Status.HEALTHY, "fresh_until_ms": now_ms() + 86_400_000, "fence": 7, **fields}
    CheckState.objects.filter(pk=check.pk).update(**fields)
    return state(check)


def last_audit() -> AuditEntry:
    entry = AuditEntry.objects.order_by("-id").first()
    assert entry is not None
    return entry


class TestCreate:
    def test_it_is_due_at_once(self, add: Callable[..., Check]) -> None:
        check = add()

        assert abs((state(check).next_due_ms or 0) - now_ms()) < 2_000
        assert (state(check).interval_ms, state(check).status) == (30_000, Status.UNKNOWN)

    def test_checks_created_together_are_spread_over_their_interval(self, add: Callable[..., Check]) -> None:
        before = now_ms()
        dues = sorted(state(add(name=f"c{number}", interval="4s")).next_due_ms or 0 for number in range(40))

        assert dues[-1] - dues[0] > 2_000
        assert dues[-1] <= now_ms() + 4_000
        assert dues[0] >= before

    def test_it_is_audited_without_secrets_and_shown_in_the_timeline(
        self, add: Callable[..., Check], api: Entity, viewer: Principal
    ) -> None:
        revision = current_revision()
        add(headers={"X-Auth": "hush"}, body="hush", method="POST", url="http://127.0.0.1:9001/a?token=hush&x=hush")

        entry = last_audit()
        assert (entry.actor, entry.action, entry.target_name) == ("user:editor", "check.create", "api/http")
        assert entry.after is not None
        assert entry.after["headers"] == {"X-Auth": "********"}
        assert entry.after["url"] == "http://127.0.0.1:9001/a?token=[redacted]&x=[redacted]"
        assert "hush" not in str(entry.after)
        assert timeline(principal=viewer, entity_id=api.pk).items[0].kind == "check.create"
        assert current_revision() > revision

    @pytest.mark.parametrize(
        "change", [{"headers": {"X-Auth": "hush2"}}, {"kind": "tcp", "host": "127.0.0.1", "port": 1}]
    )
    def test_no_edit_or_end_is_audited_with_secrets(
        self, add: Callable[..., Check], editor: Principal, change: dict[str, Any]
    ) -> None:
        check = add(headers={"X-Auth": "hush"}, body="hush", method="POST", url="http://127.0.0.1:9001/?hush")
        services.update_check(principal=editor, uid=check.uid, changes=change)
        services.delete_check(principal=editor, uid=check.uid)

        assert AuditEntry.objects.filter(target_uid=check.uid).count() == 3
        assert "hush" not in str(list(AuditEntry.objects.values_list("before", "after")))

    @pytest.mark.parametrize("period", ["31d", "400d"])
    def test_a_heartbeat_may_come_once_a_month_or_a_year(self, add: Callable[..., Check], period: str) -> None:
        check = add(**{**BEAT, "period": period})

        assert state(check).interval_ms == parse_duration_ms(period)

    def test_a_heartbeat_gets_a_ping_address_and_a_deadline(self, add: Callable[..., Check]) -> None:
        check = add(**BEAT)

        due = state(check).next_due_ms or 0
        assert abs(due - now_ms() - 70 * 60_000) < 5_000
        assert state(check).interval_ms == 3_600_000
        assert Heartbeat.objects.filter(pk=check.pk).exists()

    def test_a_paused_one_is_not_scheduled(self, add: Callable[..., Check]) -> None:
        assert state(add(paused=True)).next_due_ms is None

    def test_a_name_is_taken_once_per_entity(self, add: Callable[..., Check]) -> None:
        add()
        with pytest.raises(Conflict), transaction.atomic():
            add()

    def test_it_needs_an_entity_and_the_permission(self, editor: Principal, operator: Principal, api: Entity) -> None:
        definition = parse_check(HTTP)
        with pytest.raises(NotFound):
            services.create_check(principal=editor, entity_ref="nobody", definition=definition)
        with pytest.raises(PermissionDenied):
            services.create_check(principal=operator, entity_ref="api", definition=definition)


class TestEdit:
    def test_an_edit_discards_the_probe_under_way_and_is_due_at_once(
        self, add: Callable[..., Check], editor: Principal
    ) -> None:
        check = add()
        stand(check, slot_ms=1, lease_until_ms=now_ms() + 9_000)

        saved = services.update_check(principal=editor, uid=check.uid, changes={"interval": "10s"})

        now = state(check)
        assert saved.version == now.definition_version == 2
        assert (now.fence, now.slot_ms, now.lease_until_ms, now.interval_ms) == (8, None, 0, 10_000)
        assert (now.next_due_ms or 0) <= now_ms()
        assert now.status == Status.HEALTHY
        assert (now.fresh_until_ms or 0) < now_ms() + 60_000
        assert (last_audit().before, last_audit().after) == ({"interval": "30s"}, {"interval": "10s"})

    def test_a_new_name_leaves_the_schedule_alone(self, add: Callable[..., Check], editor: Principal) -> None:
        check = add()
        before = stand(check)

        services.update_check(principal=editor, uid=check.uid, changes={"name": "health"})

        assert (state(check).next_due_ms, state(check).fence) == (before.next_due_ms, before.fence)

    def test_the_same_again_writes_nothing(self, add: Callable[..., Check], editor: Principal) -> None:
        check = add()
        entries, revision = AuditEntry.objects.count(), current_revision()

        saved = services.replace_check(principal=editor, uid=check.uid, definition=definition_of(check))

        assert (saved.action, saved.version) == (None, 1)
        assert (AuditEntry.objects.count(), current_revision()) == (entries, revision)

    def test_an_older_version_is_not_edited(self, add: Callable[..., Check], editor: Principal) -> None:
        check = add()
        services.update_check(principal=editor, uid=check.uid, changes={"timeout": "3s"}, expected_version=1)

        with pytest.raises(StaleVersion), transaction.atomic():
            services.update_check(principal=editor, uid=check.uid, changes={"timeout": "4s"}, expected_version=1)

    def test_a_bad_change_changes_nothing(self, add: Callable[..., Check], editor: Principal) -> None:
        check = add()
        with pytest.raises(ValidationFailed), transaction.atomic():
            services.update_check(principal=editor, uid=check.uid, changes={"timeout": "1 fortnight"})

        assert Check.objects.get().version == 1

    def test_a_name_of_a_sibling_is_refused(self, add: Callable[..., Check], editor: Principal) -> None:
        add(name="other")
        check = add()
        with pytest.raises(Conflict), transaction.atomic():
            services.update_check(principal=editor, uid=check.uid, changes={"name": "other"})

    def test_another_kind_brings_and_takes_the_ping_address(self, add: Callable[..., Check], editor: Principal) -> None:
        check = add()
        services.update_check(principal=editor, uid=check.uid, changes={"kind": "heartbeat", "period": "1h"})
        assert Heartbeat.objects.count() == 1

        services.update_check(principal=editor, uid=check.uid, changes={k: HTTP[k] for k in ("kind", "url")})
        assert Heartbeat.objects.count() == 0

    def test_a_heartbeat_keeps_its_ping_address(self, add: Callable[..., Check], editor: Principal) -> None:
        check = add(**BEAT)
        ping_id = Heartbeat.objects.get().ping_id

        services.update_check(principal=editor, uid=check.uid, changes={"grace": "1m"})

        assert Heartbeat.objects.get().ping_id == ping_id


class TestDelete:
    def test_its_results_are_left_to_the_retention(
        self, add: Callable[..., Check], editor: Principal, api: Entity
    ) -> None:
        check, other = add(), add(name="other")
        for row in (check, other):
            CheckResult.objects.create(check_id=row.pk, slot_ms=1, late_ms=0, duration_us=1, outcome=0)
            ResultDetail.objects.create(check_id=row.pk, slot_ms=1, message="x")

        services.delete_check(principal=editor, uid=check.uid)

        assert CheckResult.objects.count() == ResultDetail.objects.count() == 2
        assert not CheckState.objects.filter(pk=check.pk).exists()
        assert last_audit().action == "check.delete"

    def test_they_go_with_their_entity(self, add: Callable[..., Check], editor: Principal) -> None:
        check = add(**BEAT)

        delete_entity(principal=editor, ref="api")

        assert not CheckState.objects.filter(pk=check.pk).exists()
        assert not Heartbeat.objects.exists()

    def test_an_unknown_one_is_not_found(self, editor: Principal) -> None:
        for uid in ("chk_none", "\0"):
            with pytest.raises(NotFound):
                services.delete_check(principal=editor, uid=uid)


class TestOperations:
    def test_run_now_makes_it_due(self, add: Callable[..., Check], operator: Principal) -> None:
        check = add()
        stand(check, next_due_ms=now_ms() + 25_000)

        services.run_check_now(principal=operator, uid=check.uid)

        assert (state(check).next_due_ms or 0) <= now_ms()
        assert last_audit().action == "check.run"

    def test_run_now_leaves_a_probe_under_way_alone(self, add: Callable[..., Check], operator: Principal) -> None:
        check = add()
        before = stand(check, slot_ms=5, next_due_ms=now_ms() + 25_000)

        services.run_check_now(principal=operator, uid=check.uid)

        assert (state(check).next_due_ms, state(check).fence) == (before.next_due_ms, 7)

    def test_what_stands_still_or_waits_cannot_be_run(
        self, add: Callable[..., Check], operator: Principal, editor: Principal
    ) -> None:
        paused, waiting = add(paused=True), add(**BEAT)
        running = add(name="other")
        update_entity(principal=editor, ref="api", changes={"lifecycle": "inactive"})
        for check in (paused, waiting, running):
            with pytest.raises(Conflict), transaction.atomic():
                services.run_check_now(principal=operator, uid=check.uid)

    def test_pause_takes_it_off_the_schedule_and_resume_puts_it_back(
        self, add: Callable[..., Check], operator: Principal
    ) -> None:
        check = add()
        stand(check, slot_ms=1)

        services.pause_check(principal=operator, uid=check.uid)
        now = state(check)
        assert (now.next_due_ms, now.slot_ms, now.fence, now.fresh_until_ms) == (None, None, 8, None)
        assert now.status == Status.UNKNOWN
        assert last_audit().action == "check.pause"

        services.resume_check(principal=operator, uid=check.uid)
        assert (state(check).next_due_ms or 0) <= now_ms()
        assert Check.objects.get(pk=check.pk).version == state(check).definition_version == 3

    def test_pausing_twice_is_pausing_once(self, add: Callable[..., Check], operator: Principal) -> None:
        check = add()
        for _ in range(2):
            services.pause_check(principal=operator, uid=check.uid)

        assert AuditEntry.objects.filter(action="check.pause").count() == 1

    def test_viewers_may_not(self, add: Callable[..., Check], viewer: Principal) -> None:
        check = add()
        for operate in (services.run_check_now, services.pause_check, services.resume_check):
            with pytest.raises(PermissionDenied):
                operate(principal=viewer, uid=check.uid)


def test_checks_stand_still_while_their_entity_is_inactive(add: Callable[..., Check], editor: Principal) -> None:
    running, paused = add(), add(name="paused", paused=True)

    update_entity(principal=editor, ref="api", changes={"lifecycle": "inactive"})
    assert (state(running).next_due_ms, state(paused).next_due_ms) == (None, None)
    services.resume_check(principal=editor, uid=paused.uid)
    assert state(paused).next_due_ms is None
    services.pause_check(principal=editor, uid=paused.uid)

    update_entity(principal=editor, ref="api", changes={"lifecycle": "active"})
    assert state(running).next_due_ms is not None
    assert state(paused).next_due_ms is None


@pytest.mark.django_db(transaction=True)
def test_an_edit_does_not_stop_the_engine_from_committing(
    add: Callable[..., Check], editor: Principal, on_postgresql: bool
) -> None:
    """The foreign key of the engine's row is checked at its commit, under a lock that an edit must leave free."""
    if not on_postgresql:
        pytest.skip("SQLite lets one writer in at a time")
    check = add()

    def commit_as_the_engine_does() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM ops_check WHERE id = %s FOR KEY SHARE NOWAIT", [check.pk])
        finally:
            connection.close()

    with transaction.atomic(), ThreadPoolExecutor(1) as engine:
        services.update_check(principal=editor, uid=check.uid, changes={"interval": "10s"})
        engine.submit(commit_as_the_engine_does).result(timeout=10)


def test_a_check_that_is_deleted_while_it_is_read_is_not_found(
    add: Callable[..., Check], editor: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = add()
    row = check_row(principal=editor, uid=check.uid)
    services.delete_check(principal=editor, uid=check.uid)
    monkeypatch.setattr("ops.health.selectors.details.check_row", lambda **_: row)

    with pytest.raises(NotFound):
        check_detail(principal=editor, uid=check.uid)

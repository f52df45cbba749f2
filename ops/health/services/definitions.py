"""Create, replace, edit and delete checks."""

import uuid
from collections.abc import Collection, Sequence

from ops.definitions.writing import Edit, Writer
from ops.health.checks.kind import CheckKind, MemberKind
from ops.health.definition import DEFINITIONS, CheckDefinition, CommonFields
from ops.health.models import Check, Heartbeat
from ops.health.services import schedule
from ops.health.services.member_cycles import refuse_member_cycle

type CheckEdit = Edit[CommonFields, CheckKind, Check]


class _CheckEngine:
    def fill(self, row: Check, common: CommonFields) -> None:
        row.conditions, row.degraded_conditions = list(common.conditions), list(common.degraded_conditions)
        row.interval_ms, row.timeout_ms = common.interval, common.timeout
        row.degraded_above_ms = common.degraded_above
        row.failure_threshold, row.success_threshold = common.failure_threshold, common.success_threshold
        row.retry_interval_ms = common.retry_interval
        row.upside_down, row.severity_level = common.upside_down, common.severity.value

    def begin(self, edit: CheckEdit, *, now_ms: int, together: int) -> None:
        schedule.create_state(
            edit.row.pk, edit.definition, is_running=edit.is_running, now_ms=now_ms, together=together
        )
        _keep_heartbeat(edit.row.pk, edit.definition)

    def follow(self, edit: CheckEdit, *, now_ms: int, together: int) -> None:
        check_id, definition, version = edit.row.pk, edit.definition, edit.row.version
        if edit.changed.keys() == {"name"} or not (edit.was_running or edit.is_running):
            schedule.follow(check_id, definition, version=version)
        elif not edit.is_running:
            schedule.stop(check_id, version=version, now_ms=now_ms)
        elif not edit.was_running:
            schedule.start(check_id, definition, version=version, now_ms=now_ms, together=together)
        else:
            schedule.restart(check_id, definition, version=version, now_ms=now_ms, together=together)
        _keep_heartbeat(check_id, definition)  # after the state, as pings lock them

    def lock(self, keys: Collection[int]) -> None:
        schedule.lock_states(keys)

    def end(self, row: Check, *, now_ms: int) -> None:
        """Its state and its heartbeat go by cascade."""

    def judge(self, entity_name: str, definitions: Sequence[CheckDefinition]) -> None:
        """A composite that judges by itself, even by way of others, is refused."""
        refuse_member_cycle(f"{entity_name}/{item.name}" for item in definitions if isinstance(item.kind, MemberKind))


def _keep_heartbeat(check_id: int, definition: CheckDefinition) -> None:
    """A check that waits for signs of life has a ping address; one that stops waiting loses it."""
    if definition.kind.expectation(definition.config) is None:
        Heartbeat.objects.filter(definition_id=check_id).delete()
    else:
        Heartbeat.objects.get_or_create(definition_id=check_id, defaults={"ping_id": uuid.uuid4()})


CHECK_WRITER: Writer[CommonFields, CheckKind, Check] = Writer(DEFINITIONS, _CheckEngine())

create_check = CHECK_WRITER.create
replace_check = CHECK_WRITER.replace
update_check = CHECK_WRITER.update
delete_check = CHECK_WRITER.delete

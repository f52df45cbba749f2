"""Create, replace, edit and delete sources of breakers."""

from collections.abc import Collection, Sequence

from ops.breakers.definition import DEFINITIONS, CommonFields, SourceDefinition
from ops.breakers.models import BreakerSource
from ops.breakers.services import scheduling
from ops.breakers.sources.source import BreakerSourceKind
from ops.breakers.store import forget_source
from ops.definitions.writing import Edit, Writer

_MOVES = frozenset({"instance", "kind", "instance_label"})
"""Fields that decide under which instances a source tells of breakers."""

type SourceEdit = Edit[CommonFields, BreakerSourceKind, BreakerSource]


class _SourceEngine:
    def fill(self, row: BreakerSource, common: CommonFields) -> None:
        row.instance = common.instance
        row.interval_ms, row.timeout_ms = common.interval, common.timeout

    def begin(self, edit: SourceEdit, *, now_ms: int, together: int) -> None:  # noqa: ARG002 - sources are few
        scheduling.create_state(edit.row.pk, edit.definition, is_running=edit.is_running, now_ms=now_ms)

    def follow(self, edit: SourceEdit, *, now_ms: int, together: int) -> None:  # noqa: ARG002
        key, common = edit.row.pk, edit.definition.common
        if edit.is_running:
            scheduling.start(key, interval_ms=common.interval, timeout_ms=common.timeout, now_ms=now_ms)
        else:
            scheduling.stop(key, interval_ms=common.interval, timeout_ms=common.timeout)
        if not edit.is_running or _MOVES & edit.changed.keys():
            forget_source(key, now_ms=now_ms)

    def lock(self, keys: Collection[int]) -> None:
        scheduling.lock_states(keys)

    def end(self, row: BreakerSource, *, now_ms: int) -> None:
        forget_source(row.pk, now_ms=now_ms)

    def judge(self, entity_name: str, definitions: Sequence[SourceDefinition]) -> None:
        """Every one of them can be."""


SOURCE_WRITER: Writer[CommonFields, BreakerSourceKind, BreakerSource] = Writer(DEFINITIONS, _SourceEngine())

create_source = SOURCE_WRITER.create
replace_source = SOURCE_WRITER.replace
update_source = SOURCE_WRITER.update
delete_source = SOURCE_WRITER.delete

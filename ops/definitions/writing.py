"""Create, edit and delete definitions: permission, rules, audit, timeline and revision, in one transaction each."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from django.db.models import QuerySet
from django.utils import timezone

from core.audit import record_action
from core.clock import database_now_ms
from core.errors import Conflict, FieldError, NotFound, StaleVersion, ValidationFailed
from core.permissions import Permission, Principal
from core.revision import changing, mark_changed
from entities.domain import Lifecycle
from entities.lifecycle import lock_catalogue
from entities.models import Entity
from entities.selectors import find_entity
from ops.definitions.definition import Changes, Definition, Definitions, Kind, Named
from ops.definitions.models import Defined
from ops.journal.services import NewEntry, record_entries

CREATED_TOGETHER = dt.timedelta(minutes=1)
"""What is created within this time counts as created together, and does not all start at once."""


@dataclass(frozen=True, slots=True)
class Version:
    """A definition as a write left it; ``action`` is None when nothing was to be written."""

    id: int
    uid: str
    name: str
    version: int
    action: Literal["create", "update", "delete"] | None
    changed: Changes


@dataclass(frozen=True, slots=True)
class Edit[C: Named, K: Kind, R: Defined]:
    """What is to be written, or is written already when the engine hears of it; a new row did not run before."""

    row: R
    definition: Definition[C, K]
    changed: Changes
    was_running: bool
    is_running: bool


class Engine[C: Named, K: Kind, R: Defined](Protocol):
    """What a slice does about its definitions beside their rows, in the same transaction.

    ``together`` counts the others that are set going at the same time.
    """

    def fill(self, row: R, common: C) -> None:
        """Set the columns of the slice's own common fields."""

    def begin(self, edit: Edit[C, K, R], *, now_ms: int, together: int) -> None: ...

    def follow(self, edit: Edit[C, K, R], *, now_ms: int, together: int) -> None: ...

    def lock(self, keys: Collection[int]) -> None:
        """Take the engine's rows in the order of their keys, as the engine does, so that no two wait in a ring."""

    def end(self, row: R, *, now_ms: int) -> None:
        """Before the row is deleted, its engine's row locked."""

    def judge(self, entity_name: str, definitions: Sequence[Definition[C, K]]) -> None:
        """Raises ``ValidationFailed`` for what cannot be, now that these are written."""


class Writer[C: Named, K: Kind, R: Defined]:
    """The services of a slice that write its definitions. Each of them needs ``Permission.CATALOG_EDIT``."""

    def __init__(self, definitions: Definitions[C, K, R], engine: Engine[C, K, R]) -> None:
        self.definitions = definitions
        self._engine = engine

    @changing()
    def create(self, *, principal: Principal, entity_ref: str, definition: Definition[C, K]) -> Version:
        """Add one to the entity of that uid or name; it starts at once, of many that are created together within a
        minute and within its interval.

        Raises ``NotFound`` for the entity, ``Conflict`` when it has one of that name, ``ValidationFailed`` when it has
        as many as it may, or when the new one cannot be.
        """
        principal.require(Permission.CATALOG_EDIT)
        lock_catalogue()
        together = self._count_created_lately()
        entity = find_entity(entity_ref)
        saved = self._create(principal, entity, definition, database_now_ms(), together=together)
        self._engine.judge(entity.name, [definition])
        mark_changed()
        return saved

    @changing()
    def replace(
        self, *, principal: Principal, uid: str, definition: Definition[C, K], expected_version: int | None = None
    ) -> Version:
        """Make it say exactly what ``definition`` says; the same again writes nothing.

        Raises ``NotFound``, ``StaleVersion`` when ``expected_version`` is not the stored one, ``Conflict`` when the
        entity has another of the new name.
        """
        principal.require(Permission.CATALOG_EDIT)
        lock_catalogue()
        return self._edit_one(principal, self.find_for_update(uid, expected_version=expected_version), definition)

    @changing()
    def update(
        self, *, principal: Principal, uid: str, changes: Mapping[str, Any], expected_version: int | None = None
    ) -> Version:
        """Set the given fields, each to a whole new value; the others stay.

        Raises as ``replace``, and as ``Definitions.parse``.
        """
        principal.require(Permission.CATALOG_EDIT)
        lock_catalogue()
        row = self.find_for_update(uid, expected_version=expected_version)
        return self._edit_one(principal, row, self.definitions.with_changes(self.definitions.of(row), changes))

    @changing()
    def delete(self, *, principal: Principal, uid: str, expected_version: int | None = None) -> None:
        """Remove it; its history goes by and by. Raises ``NotFound`` and ``StaleVersion``."""
        principal.require(Permission.CATALOG_EDIT)
        lock_catalogue()
        row = self.find_for_update(uid, expected_version=expected_version)
        self._engine.lock([row.pk])
        self._delete(principal, row, database_now_ms())
        mark_changed()

    @changing()
    def save_all(
        self,
        *,
        principal: Principal,
        entity_id: int,
        definitions: Sequence[Definition[C, K]],
        delete_others: bool = True,
    ) -> list[Version]:
        """Create or edit the entity's of those names, all or none; the answer lists those that changed.

        Raises as ``create``.
        """
        principal.require(Permission.CATALOG_EDIT)
        lock_catalogue()
        now = database_now_ms()
        entity = Entity.objects.get(pk=entity_id)
        stored = {row.name: row for row in self._rows_for_update().filter(entity=entity).order_by("pk")}
        wanted = {definition.name for definition in definitions}
        doomed = [row for name, row in stored.items() if name not in wanted] if delete_others else []
        plans = [self._plan(stored[item.name], item) for item in definitions if item.name in stored]
        edits = sorted((plan for plan in plans if plan.changed), key=lambda plan: plan.row.pk)
        self._engine.lock([row.pk for row in (*doomed, *(edit.row for edit in edits))])
        deleted = [self._delete(principal, row, now) for row in doomed]
        new = [definition for definition in definitions if definition.name not in stored]
        saved = {}
        for together, definition in enumerate(new, start=self._count_created_lately()):
            saved[definition.name] = self._create(principal, entity, definition, now, together=together)
        for together, edit in enumerate(edits):
            saved[edit.row.name] = self._edit(principal, edit, now, together=together)
        self._engine.judge(entity.name, definitions)
        if deleted or saved:
            mark_changed()
        return [*deleted, *(saved[item.name] for item in definitions if item.name in saved)]

    def find_for_update(self, uid: str, *, expected_version: int | None = None) -> R:
        """The row with its entity, locked. Raises ``NotFound`` and ``StaleVersion``."""
        row = None if "\0" in uid else self._rows_for_update().filter(uid=uid).first()
        if row is None:
            raise NotFound(f"There is no {self.definitions.noun} {uid[:80]!r}")
        if expected_version is not None and row.version != expected_version:
            raise StaleVersion(f"{row.name} is at version {row.version}, not {expected_version}")
        return row

    def record(
        self,
        principal: Principal,
        verb: str,
        row: R,
        *,
        now_ms: int,
        before: dict[str, Any] | None = None,
        after: dict[str, Any] | None = None,
    ) -> None:
        """What every write leaves behind: an audit entry without secrets, and a line in the entity's timeline."""
        action, mask = f"{self.definitions.target}.{verb}", self.definitions.mask_document
        record_action(
            principal=principal,
            action=action,
            target_type=self.definitions.target,
            target_uid=row.uid,
            target_name=f"{row.entity.name}/{row.name}",
            before=None if before is None else mask(before, kind=before.get("kind", row.kind)),
            after=None if after is None else mask(after, kind=row.kind),
        )
        fields = ", ".join(after) if verb == "update" and after else ""
        message = f"by {principal.name}" + (f": {fields}" if fields else "")
        record_entries([NewEntry(row.entity_id, at_ms=now_ms, kind=action, subject=row.name, message=message)])

    def _create(
        self, principal: Principal, entity: Entity, definition: Definition[C, K], now_ms: int, *, together: int
    ) -> Version:
        definition = self.definitions.keep_secrets(definition, None)
        self._refuse_taken_name(entity.pk, definition.name)
        noun, limit = self.definitions.noun, self.definitions.per_entity_max
        if self.definitions.rows().filter(entity=entity).count() >= limit:
            full = f"{entity.name} has {limit} {noun}s, which is the limit"
            raise ValidationFailed(full, errors=(FieldError("entity", full),))
        row = self.definitions.model(entity=entity)
        self._write(row, definition)
        document = definition.document()
        changed = {name: (None, value) for name, value in document.items()}
        edit = Edit(row, definition, changed, was_running=False, is_running=_is_running(row))
        self._engine.begin(edit, now_ms=now_ms, together=together)
        self.record(principal, "create", row, now_ms=now_ms, after=document)
        return _version(row, "create", changed)

    def _edit_one(self, principal: Principal, row: R, definition: Definition[C, K]) -> Version:
        edit = self._plan(row, definition)
        if not edit.changed:
            return _version(row, None, {})
        saved = self._edit(principal, edit, database_now_ms())
        self._engine.judge(row.entity.name, [edit.definition])
        mark_changed()
        return saved

    def _plan(self, row: R, definition: Definition[C, K]) -> Edit[C, K, R]:
        definition = self.definitions.keep_secrets(definition, row)
        is_running = not definition.common.paused and row.entity.lifecycle == Lifecycle.ACTIVE
        changed = self.definitions.changed_fields(row, definition)
        return Edit(row, definition, changed, was_running=_is_running(row), is_running=is_running)

    def _edit(self, principal: Principal, edit: Edit[C, K, R], now_ms: int, *, together: int = 0) -> Version:
        row, changed = edit.row, edit.changed
        if "name" in changed:
            self._refuse_taken_name(row.entity_id, edit.definition.name)
        row.version += 1
        self._write(row, edit.definition)
        self._engine.follow(edit, now_ms=now_ms, together=together)
        before = {name: old for name, (old, _) in changed.items()}
        after = {name: new for name, (_, new) in changed.items()}
        self.record(principal, "update", row, now_ms=now_ms, before=before, after=after)
        return _version(row, "update", changed)

    def _delete(self, principal: Principal, row: R, now_ms: int) -> Version:
        document = self.definitions.document_of(row)
        gone = _version(row, "delete", {name: (value, None) for name, value in document.items()})
        self._engine.end(row, now_ms=now_ms)
        row.delete()
        self.record(principal, "delete", row, now_ms=now_ms, before=document)
        return gone

    def _write(self, row: R, definition: Definition[C, K]) -> None:
        common = definition.common
        row.name, row.kind, row.config = common.name, common.kind, definition.stored_config
        row.paused = common.paused
        self._engine.fill(row, common)
        row.save()

    def _refuse_taken_name(self, entity_id: int, name: str) -> None:
        if self.definitions.rows().filter(entity_id=entity_id, name=name).exists():
            taken = FieldError("name", "is already taken")
            raise Conflict(f"The entity already has a {self.definitions.noun} named {name!r}", errors=(taken,))

    def _count_created_lately(self) -> int:
        return self.definitions.rows().filter(created_at__gt=timezone.now() - CREATED_TOGETHER).count()

    def _rows_for_update(self) -> QuerySet[R]:
        return self.definitions.rows().select_for_update(of=("self",), no_key=True).select_related("entity")


def _is_running(row: Defined) -> bool:
    return not row.paused and row.entity.lifecycle == Lifecycle.ACTIVE


def _version(row: Any, action: Literal["create", "update", "delete"] | None, changed: Changes) -> Version:
    return Version(row.pk, row.uid, row.name, row.version, action, changed)

"""What people write about something that goes out and looks, in the catalogue file, the API and the forms alike.

Some of its fields are those of everything in its slice, such as of every check; every other key belongs to its kind and
is judged by the kind's ``Config``. A slice brings the common fields and the kinds, and has the rest from here.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Protocol

from django.db.models import QuerySet
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.egress import Endpoint, TargetRefused, current_policy
from core.errors import FieldError, NotFound, ValidationFailed
from core.redaction import REDACTED, redact
from core.registry import Registry
from core.secrets import mask_sealed, open_or_mask, seal
from core.text import STORED, Line
from core.validation import ERRORS_SHOWN, SUMMARY, field_errors
from entities.definition import Name
from ops.definitions.kept_secrets import changed_secrets, fill_secrets, refuse_stray_masks
from ops.definitions.models import Defined
from ops.probing.config import KindConfig

RHYTHM = frozenset({"interval", "retry_interval", "timeout"})
"""Common fields that say when something is looked at, and for how long."""

type Changes = Mapping[str, tuple[Any, Any]]
"""Fields with their values before and after."""


class Named(BaseModel):
    """The fields that everything has; a slice adds its own. Unknown fields are refused.

    What is ``paused`` is not looked at.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    kind: Annotated[Line, Field(min_length=1, max_length=32)]
    paused: Annotated[bool, Field(strict=True)] = False


class Kind(Protocol):
    name: ClassVar[str]
    Config: ClassVar[type[KindConfig]]

    def targets(self, config: Any) -> list[Endpoint]:
        """Whom it will dial; services ask the address policy about each before they save."""
        ...


@dataclasses.dataclass(frozen=True, slots=True)
class Definition[C: Named, K: Kind]:
    """The common fields, and those of the kind."""

    common: C
    config: KindConfig
    kind: K

    @property
    def name(self) -> str:
        return self.common.name

    @property
    def targets(self) -> list[Endpoint]:
        return self.kind.targets(self.config)

    @property
    def config_document(self) -> dict[str, Any]:
        """The fields of the kind that are not at their default, as JSON values, secrets masked."""
        return self.config.model_dump(mode="json", exclude_defaults=True)

    @property
    def stored_config(self) -> dict[str, Any]:
        """As ``config_document``, secrets sealed; what the database keeps."""
        return self.config.model_dump(mode="json", exclude_defaults=True, context={"seal": seal})

    def document(self) -> dict[str, Any]:
        """Every field, as JSON values in the spelling of the file, secrets masked."""
        return _in_reading_order(self.common.model_dump(mode="json"), self.config.model_dump(mode="json"))

    def brief_document(self) -> dict[str, Any]:
        """As ``document``, without what is at its default; parsing it gives the same definition."""
        return _in_reading_order(self.common.model_dump(mode="json", exclude_defaults=True), self.config_document)


class Definitions[C: Named, K: Kind, R: Defined]:
    """Reads, compares and masks the definitions of one slice.

    ``model`` has their rows, ``noun`` is what one of them is called in messages, and an entity has at most
    ``per_entity_max``. ``common_of`` spells the common fields of a row; ``further_errors`` finds what else is wrong
    with what people wrote, given the kind that they named.
    """

    def __init__(
        self,
        common: type[C],
        kinds: Registry[K],
        model: type[R],
        *,
        noun: str,
        per_entity_max: int,
        common_of: Callable[[R], dict[str, Any]],
        further_errors: Callable[[Mapping[str, Any], K], list[FieldError]] = lambda _data, _kind: [],
    ) -> None:
        self._common = common
        self.kinds = kinds
        self.model = model
        self.noun = noun
        self.per_entity_max = per_entity_max
        self._common_of = common_of
        self._further_errors = further_errors

    def rows(self) -> QuerySet[R]:
        return self.model._default_manager.all()  # noqa: SLF001 - its public name is each model's own

    def stored(self, uid: str) -> R:
        """The row with its entity. Raises ``NotFound``."""
        row = None if "\0" in uid else self.rows().select_related("entity").filter(uid=uid).first()
        if row is None:
            raise NotFound(f"There is no {self.noun} {uid[:80]!r}")
        return row

    def refuse_other_entity(self, uid: str, entity_ref: str | None) -> None:
        """What is stored stays with its entity, which a body may name, by name or id.

        Raises ``ValidationFailed``, and ``NotFound`` as ``stored``.
        """
        if entity_ref is None:
            return
        entity = self.stored(uid).entity
        if entity_ref not in {entity.name, entity.uid}:
            stays = f"a {self.noun} stays with its entity, which is {entity.name}"
            raise ValidationFailed(stays, errors=(FieldError("entity", stays),))

    @property
    def target(self) -> str:
        """What audit and timeline call one."""
        return self.noun.replace(" ", "_")

    @property
    def common_names(self) -> frozenset[str]:
        return frozenset(self._common.model_fields)

    def parse(self, data: Mapping[str, Any]) -> Definition[C, K]:
        """Judge one definition as people wrote it.

        Raises ``ValidationFailed`` with every wrong field. Raises ``TargetRefused`` when all is well but the platform
        may not connect to the target; among other errors that is told as one of the field ``target``.
        """
        own = self._own_fields(data)
        common, errors = _parse(self._common, {key: value for key, value in data.items() if key not in own})
        kind_name = data.get("kind")
        kind = self.kinds.get(kind_name) if isinstance(kind_name, str) else None
        config = None
        if kind is not None:
            config, wrong = _parse(kind.Config, {str(key): value for key, value in own.items()})
            errors += wrong
            if common is not None:
                common, meaningless = self._without_meaningless(common, kind)
                errors += meaningless
            errors += self._further_errors(data, kind)
        elif isinstance(kind_name, str):
            errors.append(FieldError("kind", f"{kind_name[:40]!r} is none of {', '.join(self.kinds.names())}"))
        refused = None if kind is None or config is None else _find_refusal(kind.targets(config))
        if errors or common is None or kind is None or config is None:
            also = refused.errors if refused else ()
            raise ValidationFailed(SUMMARY, errors=(*errors[:ERRORS_SHOWN], *also))
        if refused:
            raise refused
        return Definition(common, config, kind)

    def parse_all(self, wanted: Sequence[Mapping[Any, Any]], stored: Mapping[str, R]) -> list[Definition[C, K]]:
        """Those that an entity is to have, with the secrets that they keep of the ``stored`` of the same names.

        Raises ``ValidationFailed`` with the errors of all of them, each below its index.
        """
        definitions: list[Definition[C, K]] = []
        errors: list[FieldError] = []
        for index, data in enumerate(wanted):
            try:
                definition = self.parse({str(key): value for key, value in data.items()})
                definition = self.keep_secrets(definition, stored.get(definition.name))
            except ValidationFailed as error:
                errors += [wrong.below(str(index)) for wrong in error.errors]
                continue
            if any(definition.name == other.name for other in definitions):
                taken = f"the entity has another {self.noun} named {definition.name!r}"
                errors.append(FieldError(f"{index}.name", taken))
            definitions.append(definition)
        if len(wanted) > self.per_entity_max:
            over = f"over the limit of {self.per_entity_max} {self.noun}s"
            errors.append(FieldError(str(self.per_entity_max), over))
        if errors:
            raise ValidationFailed(SUMMARY, errors=tuple(errors))
        return definitions

    def with_changes(self, definition: Definition[C, K], changes: Mapping[str, Any]) -> Definition[C, K]:
        """The definition with some fields set anew. Another kind starts with none of the old kind's fields.

        Raises as ``parse``.
        """
        kind_name = changes.get("kind", definition.common.kind)
        document = self._meant(definition.common.model_dump(mode="json"), kind_name)
        if kind_name == definition.common.kind:
            document |= definition.config_document
        return self.parse({**document, **changes})

    def of(self, row: R) -> Definition[C, K]:
        """What is stored, as people would write it.

        Of a secret that cannot be read any more it has the mask. Raises ``ValidationFailed`` when the kind is not
        installed, or takes other fields by now.
        """
        kind = self.kinds.get(row.kind)
        if kind is None:
            raise ValidationFailed(f"{row.name}: the kind {row.kind!r} is not installed")
        config, errors = _parse(kind.Config, row.config, context={"open": open_or_mask, STORED: True})
        if config is None:
            raise ValidationFailed(f"{row.name}: the stored fields are not valid any more", errors=tuple(errors))
        common = self._meant(self._common_of(row), row.kind)
        return Definition(self._common.model_validate(common, context={STORED: True}), config, kind)

    def find(self, row: R) -> Definition[C, K] | None:
        """As ``of``; None for a definition that is broken."""
        try:
            return self.of(row)
        except ValidationFailed:
            return None

    def document_of(self, row: R) -> dict[str, Any]:
        """The ``document`` of a row; where the definition is broken, what is stored."""
        definition = self.find(row)
        if definition is None:
            return _in_reading_order(self._common_of(row), mask_sealed(row.config))
        return definition.document()

    def brief_document_of(self, row: R) -> dict[str, Any]:
        """As ``document_of``, without what is at its default."""
        definition = self.find(row)
        return self.document_of(row) if definition is None else definition.brief_document()

    def shown_config(self, row: R) -> dict[str, Any]:
        """The stored fields of the kind, secrets masked."""
        definition = self.find(row)
        return mask_sealed(row.config) if definition is None else definition.config_document

    def keep_secrets(self, definition: Definition[C, K], row: R | None) -> Definition[C, K]:
        """The definition with the stored secret wherever it has the mask. ``row`` is None for a new one.

        Raises ``ValidationFailed`` where nothing is stored that the mask could stand for, and where a stored secret
        would go to somebody else: who may not read it may not send it elsewhere either.
        """
        refuse_stray_masks(definition.common, definition.config)
        stored = self._find_same_kind(row, definition)
        same = stored is not None and stored.targets == definition.targets
        config = fill_secrets(definition.config, None if stored is None else stored.config, same_targets=same)
        return dataclasses.replace(definition, config=config)

    def changed_fields(self, row: R, after: Definition[C, K]) -> dict[str, tuple[Any, Any]]:
        """Fields that are to change, with their values before and after; of a secret both are the mask."""
        before, new = self.document_of(row), after.document()
        stored = self._find_same_kind(row, after)
        other = changed_secrets(None if stored is None else stored.config, after.config)
        return {
            name: (before.get(name), new.get(name))
            for name in dict.fromkeys((*before, *new))
            if before.get(name) != new.get(name) or name in other
        }

    def mask_document(self, document: Mapping[str, Any], *, kind: str) -> dict[str, Any]:
        """Some or all fields for those who may not edit them, and for what is kept for ever: without secrets.

        The kind tells what of its own is secret; of one that is not installed everything is.
        """
        own = self._own_fields(document)
        installed = self.kinds.get(kind)
        masked = installed.Config.masked(own) if installed else dict.fromkeys(own, REDACTED)
        return {name: masked[name] if name in masked else redact(value, name) for name, value in document.items()}

    def mask_changes(self, changed: Changes, *, kind: str) -> dict[str, tuple[Any, Any]]:
        """``changed`` without secrets; ``kind`` is the one it has unless that is among them."""
        kind_before, kind_after = changed.get("kind", (kind, kind))
        before = self.mask_document({name: old for name, (old, _) in changed.items()}, kind=kind_before or kind)
        after = self.mask_document({name: new for name, (_, new) in changed.items()}, kind=kind_after or kind)
        return {name: (before[name], after[name]) for name in changed}

    def _meant(self, common: Mapping[str, Any], kind_name: object) -> dict[str, Any]:
        """The common fields that have a meaning for the kind; the others may be left of another one, or of old."""
        kind = self.kinds.get(kind_name) if isinstance(kind_name, str) else None
        meaningless = kind.Config.meaningless if kind else frozenset()
        return {name: value for name, value in common.items() if name not in meaningless}

    def _without_meaningless(self, common: C, kind: K) -> tuple[C, list[FieldError]]:
        """The common fields with those at their default that say nothing of the kind. A rhythm that it does not have is
        left out; a limit that it cannot be judged by is an error, as nobody would be told.
        """
        defaults = {name: self._common.model_fields[name].get_default() for name in kind.Config.meaningless}
        errors = [
            FieldError(name, f"has no meaning for the kind {kind.name}; leave it out")
            for name, default in sorted(defaults.items())
            if name not in RHYTHM and getattr(common, name) != default
        ]
        return common.model_copy(update=defaults), errors

    def _own_fields(self, document: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in document.items() if name not in self._common.model_fields}

    def _find_same_kind(self, row: R | None, definition: Definition[C, K]) -> Definition[C, K] | None:
        """None where another kind is stored, whose fields mean something else."""
        return self.find(row) if row is not None and row.kind == definition.common.kind else None


def _in_reading_order(common: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """Name and kind, then what the kind needs, then how it is run, and last whether it is."""
    last = {key: common[key] for key in ("paused",) if key in common}
    rest = {key: value for key, value in common.items() if key not in last}
    return {**{key: common[key] for key in ("name", "kind")}, **config, **rest, **last}


def _parse[M: BaseModel](
    model: type[M], data: Mapping[str, Any], *, context: Mapping[str, Any] | None = None
) -> tuple[M | None, list[FieldError]]:
    try:
        return model.model_validate(data, context=context), []
    except ValidationError as error:
        return None, list(field_errors(error))


def _find_refusal(targets: Sequence[Endpoint]) -> TargetRefused | None:
    policy = current_policy()
    for target in targets:
        try:
            policy.check_host(target.host, target.port)
        except TargetRefused as refused:
            return TargetRefused(refused.message, errors=(FieldError("target", refused.message),))
    return None

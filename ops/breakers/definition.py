"""What people write about a source of breakers: the same fields in the catalogue file and the API.

The fields below are those of every source; every other key belongs to the kind and is judged by its ``Config``.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.durations import format_duration_ms
from core.egress import TargetRefused, current_policy
from core.errors import FieldError, ValidationFailed
from core.redaction import REDACTED, redact
from core.secrets import mask_sealed, open_or_mask, open_sealed, seal
from core.text import Line
from core.validation import ERRORS_SHOWN, SUMMARY, field_errors
from entities.definition import Name
from ops.breakers.domain import Action
from ops.breakers.models import INSTANCE_MAX, BreakerSource
from ops.breakers.sources import SOURCES
from ops.breakers.sources.source import BreakerSourceKind, Controllable
from ops.probing.config import KindConfig
from ops.probing.fields import Duration, between
from ops.probing.kept_secrets import changed_secrets, fill_secrets

INTERVAL_MS = (1_000, 86_400_000)
TIMEOUT_MS = (100, 10_000)


class CommonFields(BaseModel):
    """Durations are milliseconds once parsed. ``instance`` names the instance of the entity that is looked at."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    kind: Annotated[Line, Field(min_length=1, max_length=32)]
    instance: Annotated[Line, Field(max_length=INSTANCE_MAX)] = ""
    interval: Annotated[Duration, between(INTERVAL_MS)] = 30_000
    timeout: Annotated[Duration, between(TIMEOUT_MS)] = 5_000
    paused: Annotated[bool, Field(strict=True)] = False


COMMON_FIELDS = frozenset(CommonFields.model_fields)


class SourceDefinition(BaseModel):
    """A whole source: the common fields, and those of its kind."""

    model_config = ConfigDict(frozen=True)

    common: CommonFields
    config: KindConfig

    @property
    def name(self) -> str:
        return self.common.name

    @property
    def source_kind(self) -> BreakerSourceKind:
        kind = SOURCES.get(self.common.kind)
        assert kind is not None
        return kind

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

    def with_changes(self, changes: Mapping[str, Any]) -> "SourceDefinition":
        """The definition with some fields set anew. Another kind starts with none of the old kind's fields.

        Raises ``ValidationFailed``, ``TargetRefused``.
        """
        document = self.common.model_dump(mode="json")
        if changes.get("kind", self.common.kind) == self.common.kind:
            document |= self.config_document
        return parse_source({**document, **changes})


def parse_source(data: Mapping[str, Any]) -> SourceDefinition:
    """Judge one source as people wrote it.

    Raises ``ValidationFailed`` with every wrong field, ``TargetRefused`` when all is well but the platform may not
    connect to the target.
    """
    common, errors = _parse(CommonFields, {key: value for key, value in data.items() if key in COMMON_FIELDS})
    kind_name = data.get("kind")
    kind = SOURCES.get(kind_name) if isinstance(kind_name, str) else None
    config = None
    if kind is not None:
        config, wrong = _parse(
            kind.Config, {str(key): value for key, value in data.items() if key not in COMMON_FIELDS}
        )
        errors += wrong
    elif isinstance(kind_name, str):
        errors.append(FieldError("kind", f"{kind_name[:40]!r} is none of {', '.join(SOURCES.names())}"))
    if errors or common is None or kind is None or config is None:
        raise ValidationFailed(SUMMARY, errors=tuple(errors[:ERRORS_SHOWN]))
    _refuse_targets(kind, config)
    return SourceDefinition(common=common, config=config)


def definition_of(source: BreakerSource) -> SourceDefinition:
    """A stored source as people would write it; of a secret that cannot be read any more it has the mask.

    Raises ``ValidationFailed`` when its kind is not installed, or takes other fields by now.
    """
    kind = SOURCES.get(source.kind)
    if kind is None:
        raise ValidationFailed(f"{source.name}: the kind {source.kind!r} is not installed")
    config, errors = _parse(kind.Config, source.config, context={"open": open_or_mask})
    if config is None:
        raise ValidationFailed(f"{source.name}: the stored fields are not valid any more", errors=tuple(errors))
    return SourceDefinition(common=CommonFields.model_validate(_common_document(source)), config=config)


def find_definition(source: BreakerSource) -> SourceDefinition | None:
    """As ``definition_of``; None for one that is broken."""
    try:
        return definition_of(source)
    except ValidationFailed:
        return None


def running_config(source: BreakerSource) -> tuple[BreakerSourceKind, KindConfig]:
    """What a look needs, secrets opened. Raises ``ValueError`` that says what is wrong."""
    kind = SOURCES.get(source.kind)
    if kind is None:
        raise ValueError(f"the kind {source.kind!r} is not installed")
    try:
        return kind, kind.Config.model_validate(source.config, context={"open": open_sealed})
    except ValidationError as error:
        first = field_errors(error)[0]
        raise ValueError(f"{first.field}: {first.message}") from None


def actions_of(source: BreakerSource) -> frozenset[Action]:
    """What can be done to the breakers that the source tells of."""
    definition = find_definition(source)
    if definition is None or not isinstance(definition.source_kind, Controllable):
        return frozenset()
    return definition.source_kind.actions(definition.config)


def document_of(source: BreakerSource) -> dict[str, Any]:
    """As ``definition_of(source).document()``; of a source whose definition is broken, what is stored."""
    definition = find_definition(source)
    if definition is None:
        return _in_reading_order(_common_document(source), mask_sealed(source.config))
    return definition.document()


def brief_document_of(source: BreakerSource) -> dict[str, Any]:
    """As ``document_of``, without what is at its default."""
    definition = find_definition(source)
    return document_of(source) if definition is None else definition.brief_document()


def keep_secrets(definition: SourceDefinition, source: BreakerSource | None) -> SourceDefinition:
    """The definition with the stored secret wherever it has the mask. Raises ``ValidationFailed``."""
    stored = _stored_definition(source, kind=definition.common.kind)
    same = stored is not None and _targets(stored) == _targets(definition)
    config = fill_secrets(definition.config, None if stored is None else stored.config, same_targets=same)
    return definition.model_copy(update={"config": config})


def changed_fields(source: BreakerSource, after: SourceDefinition) -> dict[str, tuple[Any, Any]]:
    """Fields that are to change, with their values before and after; of a secret both are the mask."""
    before, new = document_of(source), after.document()
    stored = _stored_definition(source, kind=after.common.kind)
    other = changed_secrets(None if stored is None else stored.config, after.config)
    return {
        name: (before.get(name), new.get(name))
        for name in dict.fromkeys((*before, *new))
        if before.get(name) != new.get(name) or name in other
    }


def mask_document(document: Mapping[str, Any], *, kind: str) -> dict[str, Any]:
    """Some or all fields of a source for those who may not edit it, and for what is kept for ever: without secrets."""
    own = {name: value for name, value in document.items() if name not in COMMON_FIELDS}
    installed = SOURCES.get(kind)
    masked = installed.Config.masked(own) if installed else dict.fromkeys(own, REDACTED)
    return {name: masked[name] if name in masked else redact(value, name) for name, value in document.items()}


def _stored_definition(source: BreakerSource | None, *, kind: str) -> SourceDefinition | None:
    """None of a source of another kind, whose fields mean something else."""
    return find_definition(source) if source is not None and source.kind == kind else None


def _targets(definition: SourceDefinition) -> object:
    return definition.source_kind.targets(definition.config)


def _common_document(source: BreakerSource) -> dict[str, Any]:
    return {
        "name": source.name,
        "kind": source.kind,
        "instance": source.instance,
        "interval": format_duration_ms(source.interval_ms),
        "timeout": format_duration_ms(source.timeout_ms),
        "paused": source.paused,
    }


def _in_reading_order(common: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """Name and kind, then what the kind needs, then how it is looked at."""
    return {**{key: common[key] for key in ("name", "kind")}, **config, **common}


def _parse[M: BaseModel](
    model: type[M], data: Mapping[str, Any], *, context: Mapping[str, Any] | None = None
) -> tuple[M | None, list[FieldError]]:
    try:
        return model.model_validate(data, context=context), []
    except ValidationError as error:
        return None, list(field_errors(error))


def _refuse_targets(kind: BreakerSourceKind, config: KindConfig) -> None:
    policy = current_policy()
    for target in kind.targets(config):
        try:
            policy.check_host(target.host, target.port)
        except TargetRefused as refused:
            raise TargetRefused(refused.message, errors=(FieldError("target", refused.message),)) from None

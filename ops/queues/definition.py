"""What people write about a queue: the same fields in the catalogue file and the API.

The fields below are those of every queue; every other key belongs to the source and is judged by its ``Config``.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from core.durations import format_duration_ms
from core.egress import TargetRefused, current_policy
from core.errors import FieldError, ValidationFailed
from core.redaction import REDACTED, redact
from core.secrets import mask_sealed, open_or_mask, seal
from core.text import Line
from core.validation import ERRORS_SHOWN, SUMMARY, field_errors
from entities.definition import Name
from ops.probing.config import KindConfig
from ops.probing.fields import Duration, between
from ops.probing.kept_secrets import changed_secrets, fill_secrets
from ops.queues.domain import BREACH_WITHIN_MS, Limits
from ops.queues.models import Queue
from ops.queues.sources import SOURCES
from ops.queues.sources.source import QueueSource

INTERVAL_MS = (1_000, 86_400_000)
TIMEOUT_MS = (100, 20_000)
"""Well within a turn of the sampler, which gives back at its end what is in flight."""
AGE_MS = (1, 365 * 86_400_000)
QUEUES_PER_ENTITY_MAX = 1_000
SIZE_MAX = 10**15

Size = Annotated[int, Field(ge=0, le=SIZE_MAX, strict=True)]
Age = Annotated[Duration, between(AGE_MS)]


class CommonFields(BaseModel):
    """The fields of every queue, in the spelling of the catalogue file. Durations are milliseconds once parsed.

    Over ``max_*`` a queue is unhealthy, over ``warn_*`` degraded; with fewer than ``min_consumers`` it is unhealthy.
    A queue that will be over ``max_size`` ``breach_within`` that time is degraded; 0 looks no further than now.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    kind: Annotated[Line, Field(min_length=1, max_length=32)]
    max_size: Size | None = None
    max_age: Age | None = None
    warn_size: Size | None = None
    warn_age: Age | None = None
    min_consumers: Annotated[int, Field(ge=1, le=1_000_000, strict=True)] | None = None
    breach_within: Annotated[Duration, between((0, 86_400_000))] = BREACH_WITHIN_MS
    interval: Annotated[Duration, between(INTERVAL_MS)] = 30_000
    timeout: Annotated[Duration, between(TIMEOUT_MS)] = 5_000
    paused: Annotated[bool, Field(strict=True)] = False

    @field_validator("warn_size", "warn_age")
    @classmethod
    def _softer_than_the_limit(cls, value: int | None, info: ValidationInfo) -> int | None:
        limit_name = str(info.field_name).replace("warn", "max")
        limit = info.data.get(limit_name)
        if value is not None and limit is not None and value > limit:
            raise ValueError(f"must be at most {limit_name}")
        return value


COMMON_FIELDS = frozenset(CommonFields.model_fields)


class QueueDefinition(BaseModel):
    """A whole queue: the common fields, and those of its source."""

    model_config = ConfigDict(frozen=True)

    common: CommonFields
    config: KindConfig

    @property
    def name(self) -> str:
        return self.common.name

    @property
    def source(self) -> QueueSource:
        source = SOURCES.get(self.common.kind)
        assert source is not None
        return source

    @property
    def config_document(self) -> dict[str, Any]:
        """The fields of the source that are not at their default, as JSON values, secrets masked."""
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

    def with_changes(self, changes: Mapping[str, Any]) -> "QueueDefinition":
        """The definition with some fields set anew. Another kind starts with none of the old kind's fields.

        Raises ``ValidationFailed``.
        """
        document = self.common.model_dump(mode="json")
        if changes.get("kind", self.common.kind) == self.common.kind:
            document |= self.config_document
        return parse_queue({**document, **changes})


def parse_queue(data: Mapping[str, Any]) -> QueueDefinition:
    """Judge one queue as people wrote it.

    Raises ``ValidationFailed`` with every wrong field, and ``TargetRefused`` when all is well but the platform may not
    connect to the target.
    """
    common, errors = _parse(CommonFields, {key: value for key, value in data.items() if key in COMMON_FIELDS})
    kind = data.get("kind")
    source = SOURCES.get(kind) if isinstance(kind, str) else None
    config = None
    if source is not None:
        config, wrong = _parse(source.Config, {str(key): data[key] for key in data if key not in COMMON_FIELDS})
        errors += wrong
    elif isinstance(kind, str):
        errors.append(FieldError("kind", f"{kind[:40]!r} is none of {', '.join(SOURCES.names())}"))
    refused = None if source is None or config is None else _find_refusal(source, config)
    if errors or common is None or config is None:
        also = refused.errors if refused else ()
        raise ValidationFailed(SUMMARY, errors=(*errors[:ERRORS_SHOWN], *also))
    if refused:
        raise refused
    return QueueDefinition(common=common, config=config)


def definition_of(queue: Queue) -> QueueDefinition:
    """A stored queue as people would write it; of a secret that cannot be read any more it has the mask.

    Raises ``ValidationFailed`` when its source is not installed, or takes other fields by now.
    """
    source = SOURCES.get(queue.kind)
    if source is None:
        raise ValidationFailed(f"{queue.name}: the kind {queue.kind!r} is not installed")
    config, errors = _parse(source.Config, queue.config, context={"open": open_or_mask})
    if config is None:
        raise ValidationFailed(f"{queue.name}: the stored fields are not valid any more", errors=tuple(errors))
    return QueueDefinition(common=CommonFields.model_validate(_common_document(queue)), config=config)


def find_definition(queue: Queue) -> QueueDefinition | None:
    """As ``definition_of``; None for one that is broken."""
    try:
        return definition_of(queue)
    except ValidationFailed:
        return None


def document_of(queue: Queue) -> dict[str, Any]:
    """As ``definition_of(queue).document()``; of a queue whose definition is broken, what is stored."""
    definition = find_definition(queue)
    if definition is None:
        return _in_reading_order(_common_document(queue), mask_sealed(queue.config))
    return definition.document()


def brief_document_of(queue: Queue) -> dict[str, Any]:
    """As ``document_of``, without what is at its default."""
    definition = find_definition(queue)
    return document_of(queue) if definition is None else definition.brief_document()


def keep_secrets(definition: QueueDefinition, queue: Queue | None) -> QueueDefinition:
    """The definition with the stored secret wherever it has the mask; ``queue`` is None for a new one.

    Raises ``ValidationFailed`` where none is stored, or where it would go to another target.
    """
    stored = None if queue is None else find_definition(queue)
    same = queue is None or (stored is not None and _targets_of(definition) == _targets_of(stored))
    config = fill_secrets(definition.config, _config_of(stored, definition.common.kind), same_targets=same)
    return definition if config is definition.config else definition.model_copy(update={"config": config})


def changed_fields(queue: Queue, after: QueueDefinition) -> dict[str, tuple[Any, Any]]:
    """Fields that are to change, with their values before and after; of a secret both are the mask."""
    before, new = document_of(queue), after.document()
    other = changed_secrets(_config_of(find_definition(queue), after.common.kind), after.config)
    return {
        name: (before.get(name), new.get(name))
        for name in dict.fromkeys((*before, *new))
        if before.get(name) != new.get(name) or name in other
    }


def mask_document(document: Mapping[str, Any], *, kind: str) -> dict[str, Any]:
    """Some or all fields of a queue of that kind, for those who may not edit and for what is kept for ever."""
    own = {name: value for name, value in document.items() if name not in COMMON_FIELDS}
    source = SOURCES.get(kind)
    masked = source.Config.masked(own) if source else dict.fromkeys(own, REDACTED)
    return {name: masked[name] if name in masked else redact(value, name) for name, value in document.items()}


def limits_of(queue: Queue) -> Limits:
    return Limits(
        max_size=queue.max_size,
        max_age_ms=queue.max_age_ms,
        warn_size=queue.warn_size,
        warn_age_ms=queue.warn_age_ms,
        min_consumers=queue.min_consumers,
        breach_within_ms=queue.breach_within_ms,
    )


def _targets_of(definition: QueueDefinition) -> list[Any]:
    return definition.source.targets(definition.config)


def _config_of(stored: QueueDefinition | None, kind: str) -> KindConfig | None:
    return stored.config if stored is not None and stored.common.kind == kind else None


def _common_document(queue: Queue) -> dict[str, Any]:
    return {
        "name": queue.name,
        "kind": queue.kind,
        "max_size": queue.max_size,
        "max_age": _spell(queue.max_age_ms),
        "warn_size": queue.warn_size,
        "warn_age": _spell(queue.warn_age_ms),
        "min_consumers": queue.min_consumers,
        "breach_within": _spell(queue.breach_within_ms),
        "interval": _spell(queue.interval_ms),
        "timeout": _spell(queue.timeout_ms),
        "paused": queue.paused,
    }


def _spell(value_ms: int | None) -> str | None:
    return None if value_ms is None else format_duration_ms(value_ms)


def _in_reading_order(common: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """Name and kind, then what the source needs, then its limits."""
    return {**{key: common[key] for key in ("name", "kind")}, **config, **common}


def _parse[M: BaseModel](
    model: type[M], data: Mapping[str, Any], *, context: Mapping[str, Any] | None = None
) -> tuple[M | None, list[FieldError]]:
    try:
        return model.model_validate(data, context=context), []
    except ValidationError as error:
        return None, list(field_errors(error))


def _find_refusal(source: QueueSource, config: KindConfig) -> TargetRefused | None:
    policy = current_policy()
    for target in source.targets(config):
        try:
            policy.check_host(target.host, target.port)
        except TargetRefused as refused:
            return TargetRefused(refused.message, errors=(FieldError("target", refused.message),))
    return None

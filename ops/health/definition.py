"""What people write about a check: the same fields in the catalogue file, the API and the admin.

The fields below are those of every check; every other key belongs to the kind and is judged by its ``Config``.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from core.durations import format_duration_ms
from core.egress import TargetRefused, current_policy
from core.errors import FieldError, ValidationFailed
from core.secrets import mask_sealed, open_or_mask, seal
from core.text import Line
from core.validation import ERRORS_SHOWN, SUMMARY, field_errors
from entities.definition import Name
from ops.health.checks import KINDS
from ops.health.checks.kind import CheckKind
from ops.health.conditions import MAX_LENGTH, ConditionSyntaxError, parse_condition
from ops.health.domain import Severity
from ops.health.models import Check
from ops.probing.config import KindConfig
from ops.probing.fields import Duration, between

INTERVAL_MS = (1_000, 86_400_000)
TIMEOUT_MS = (100, 60_000)
DEGRADED_ABOVE_MS = (1, 60_000)
THRESHOLD_MAX = 100
CONDITIONS_MAX = 50
CHECKS_PER_ENTITY_MAX = 1_000


Threshold = Annotated[int, Field(ge=1, le=THRESHOLD_MAX, strict=True)]
ConditionText = Annotated[Line, Field(min_length=1, max_length=MAX_LENGTH)]
ConditionTexts = Annotated[tuple[ConditionText, ...], Field(max_length=CONDITIONS_MAX)]


class CommonFields(BaseModel):
    """The fields of every check, in the spelling of the catalogue file. Durations are milliseconds once parsed.

    ``retry_interval`` takes the place of ``interval`` while the last result was not healthy.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    kind: Annotated[Line, Field(min_length=1, max_length=32)]
    interval: Annotated[Duration, between(INTERVAL_MS)] = 60_000
    retry_interval: Annotated[Duration, between(INTERVAL_MS)] | None = None
    timeout: Annotated[Duration, between(TIMEOUT_MS)] = 10_000
    conditions: ConditionTexts = ()
    degraded_conditions: ConditionTexts = ()
    degraded_above: Annotated[Duration, between(DEGRADED_ABOVE_MS)] | None = None
    failure_threshold: Threshold = 1
    success_threshold: Threshold = 1
    upside_down: Annotated[bool, Field(strict=True)] = False
    severity: Severity = Severity.CRITICAL
    paused: Annotated[bool, Field(strict=True)] = False

    @field_validator("retry_interval")
    @classmethod
    def _no_slower_than_usual(cls, value: int | None, info: ValidationInfo) -> int | None:
        interval = info.data.get("interval")  # absent when it is wrong itself
        if value is not None and interval is not None and value > interval:
            raise ValueError(f"must be at most the interval, which is {format_duration_ms(interval)}")
        return value


COMMON_FIELDS = frozenset(CommonFields.model_fields)


class CheckDefinition(BaseModel):
    """A whole check: the common fields, and those of its kind."""

    model_config = ConfigDict(frozen=True)

    common: CommonFields
    config: KindConfig

    @property
    def name(self) -> str:
        return self.common.name

    @property
    def check_kind(self) -> CheckKind:
        kind = KINDS.get(self.common.kind)
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

    def with_changes(self, changes: Mapping[str, Any]) -> "CheckDefinition":
        """The definition with some fields set anew. Another kind starts with none of the old kind's fields.

        Raises ``ValidationFailed``.
        """
        document = self.common.model_dump(mode="json")
        if changes.get("kind", self.common.kind) == self.common.kind:
            document |= self.config_document
        return parse_check({**document, **changes})


def parse_check(data: Mapping[str, Any]) -> CheckDefinition:
    """Judge one check as people wrote it.

    Raises ``ValidationFailed`` with every wrong field; of a condition the message tells where it stops making sense.
    Raises ``TargetRefused`` when all is well but the platform may not connect to the target; among other errors that
    is told as one of the field ``target``.
    """
    common, errors = _parse(CommonFields, {key: value for key, value in data.items() if key in COMMON_FIELDS})
    kind_name = data.get("kind")
    kind = KINDS.get(kind_name) if isinstance(kind_name, str) else None
    config = None
    if kind is not None:
        rest = {str(key): value for key, value in data.items() if key not in COMMON_FIELDS}
        config, wrong = _parse(kind.Config, rest)
        errors += wrong
        errors += _condition_errors(data, kind)
    elif isinstance(kind_name, str):
        errors.append(FieldError("kind", f"{kind_name[:40]!r} is none of {', '.join(KINDS.names())}"))
    refused = None if kind is None or config is None else _find_refusal(kind, config)
    if errors or common is None or kind is None or config is None:
        also = refused.errors if refused else ()
        raise ValidationFailed(SUMMARY, errors=(*errors[:ERRORS_SHOWN], *also))
    if refused:
        raise refused
    return CheckDefinition(common=common, config=config)


def definition_of(check: Check) -> CheckDefinition:
    """A stored check as people would write it.

    Of a secret that cannot be read any more it has the mask. Raises ``ValidationFailed`` when its kind is not
    installed, or takes other fields by now.
    """
    kind = KINDS.get(check.kind)
    if kind is None:
        raise ValidationFailed(f"{check.name}: the kind {check.kind!r} is not installed")
    config, errors = _parse(kind.Config, check.config, context={"open": open_or_mask})
    if config is None:
        raise ValidationFailed(f"{check.name}: the stored fields are not valid any more", errors=tuple(errors))
    return CheckDefinition(common=CommonFields.model_validate(_common_document(check)), config=config)


def find_definition(check: Check) -> CheckDefinition | None:
    """As ``definition_of``; None for one that is broken."""
    try:
        return definition_of(check)
    except ValidationFailed:
        return None


def document_of(check: Check) -> dict[str, Any]:
    """As ``definition_of(check).document()``; of a check whose definition is broken, what is stored."""
    definition = find_definition(check)
    if definition is None:
        return _in_reading_order(_common_document(check), mask_sealed(check.config))
    return definition.document()


def brief_document_of(check: Check) -> dict[str, Any]:
    """As ``document_of``, without what is at its default."""
    definition = find_definition(check)
    return document_of(check) if definition is None else definition.brief_document()


def shown_config(check: Check) -> dict[str, Any]:
    """The stored fields of the kind, secrets masked."""
    definition = find_definition(check)
    shown: dict[str, Any] = mask_sealed(check.config) if definition is None else definition.config_document
    return shown


def _common_document(check: Check) -> dict[str, Any]:
    degraded_above, retry_interval = check.degraded_above_ms, check.retry_interval_ms
    return {
        "name": check.name,
        "kind": check.kind,
        "interval": format_duration_ms(check.interval_ms),
        "retry_interval": None if retry_interval is None else format_duration_ms(retry_interval),
        "timeout": format_duration_ms(check.timeout_ms),
        "conditions": check.conditions,
        "degraded_conditions": check.degraded_conditions,
        "degraded_above": None if degraded_above is None else format_duration_ms(degraded_above),
        "failure_threshold": check.failure_threshold,
        "success_threshold": check.success_threshold,
        "upside_down": check.upside_down,
        "severity": check.severity_level,
        "paused": check.paused,
    }


def _in_reading_order(common: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """Name and kind, then what the kind needs, then how it is run."""
    return {**{key: common[key] for key in ("name", "kind")}, **config, **common}


def _parse[M: BaseModel](
    model: type[M], data: Mapping[str, Any], *, context: Mapping[str, Any] | None = None
) -> tuple[M | None, list[FieldError]]:
    try:
        return model.model_validate(data, context=context), []
    except ValidationError as error:
        return None, list(field_errors(error))


def _condition_errors(data: Mapping[str, Any], kind: CheckKind) -> list[FieldError]:
    errors = []
    for field in ("conditions", "degraded_conditions"):
        texts = data.get(field)
        for index, text in enumerate(texts if isinstance(texts, (list, tuple)) else ()):
            try:
                if isinstance(text, str):
                    parse_condition(text, kind.placeholders)
            except ConditionSyntaxError as error:
                where = f"{error.message}, at character {error.position + 1} of {text[:80]!r}"
                errors.append(FieldError(f"{field}.{index}", where))
    return errors


def _find_refusal(kind: CheckKind, config: KindConfig) -> TargetRefused | None:
    policy = current_policy()
    for target in kind.targets(config):
        try:
            policy.check_host(target.host, target.port)
        except TargetRefused as refused:
            return TargetRefused(refused.message, errors=(FieldError("target", refused.message),))
    return None

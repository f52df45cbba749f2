"""What people write about a check: the same fields in the catalogue file, the API and the admin.

The fields below are those of every check; every other key belongs to the kind and is judged by its ``Config``.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator

from core.durations import format_duration_ms
from core.errors import FieldError
from core.text import Line, is_stored
from ops.definitions.definition import Definition, Definitions, Named
from ops.health.checks import KINDS
from ops.health.checks.kind import CheckKind
from ops.health.conditions import MAX_LENGTH, ConditionSyntaxError, parse_condition
from ops.health.domain import Severity
from ops.health.models import Check
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


class CommonFields(Named):
    """The fields of every check, in the spelling of the catalogue file. Durations are milliseconds once parsed.

    ``retry_interval`` takes the place of ``interval`` while the last result was not healthy.
    """

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

    @field_validator("retry_interval")
    @classmethod
    def _no_slower_than_usual(cls, value: int | None, info: ValidationInfo) -> int | None:
        interval = info.data.get("interval")  # absent when it is wrong itself
        if value is not None and interval is not None and value > interval:
            raise ValueError(f"must be at most the interval, which is {format_duration_ms(interval)}")
        return value

    @field_validator("degraded_above")
    @classmethod
    def _before_its_time_is_over(cls, value: int | None, info: ValidationInfo) -> int | None:
        """Of a kind that waits it is about the runs of a job, which have no timeout."""
        timeout, kind = info.data.get("timeout"), KINDS.get(info.data.get("kind", ""))
        if value is None or timeout is None or kind is None or kind.Config.presentation.waits or is_stored(info):
            return value
        if value >= timeout:
            raise ValueError(f"must be less than the timeout, which is {format_duration_ms(timeout)}")
        return value


COMMON_FIELDS = frozenset(CommonFields.model_fields)


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


type CheckDefinition = Definition[CommonFields, CheckKind]
DEFINITIONS: Definitions[CommonFields, CheckKind, Check] = Definitions(
    CommonFields,
    KINDS,
    Check,
    noun="check",
    per_entity_max=CHECKS_PER_ENTITY_MAX,
    common_of=_common_document,
    further_errors=_condition_errors,
)

parse_check = DEFINITIONS.parse
with_changes = DEFINITIONS.with_changes
definition_of = DEFINITIONS.of
document_of = DEFINITIONS.document_of
brief_document_of = DEFINITIONS.brief_document_of
keep_secrets = DEFINITIONS.keep_secrets
changed_fields = DEFINITIONS.changed_fields
shown_config = DEFINITIONS.shown_config
mask_document = DEFINITIONS.mask_document

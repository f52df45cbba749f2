"""What people write about a queue: the same fields in the catalogue file and the API.

The fields below are those of every queue; every other key belongs to the source and is judged by its ``Config``.
"""

from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator

from core.durations import format_duration_ms
from ops.definitions.definition import Definition, Definitions, Named
from ops.probing.fields import Duration, between
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


class CommonFields(Named):
    """The fields of every queue, in the spelling of the catalogue file. Durations are milliseconds once parsed.

    Over ``max_*`` a queue is unhealthy, over ``warn_*`` degraded; with fewer than ``min_consumers`` it is unhealthy.
    A queue that will be over ``max_size`` ``breach_within`` that time is degraded; 0 looks no further than now.
    """

    max_size: Size | None = None
    max_age: Age | None = None
    warn_size: Size | None = None
    warn_age: Age | None = None
    min_consumers: Annotated[int, Field(ge=1, le=1_000_000, strict=True)] | None = None
    breach_within: Annotated[Duration, between((0, 86_400_000))] = BREACH_WITHIN_MS
    interval: Annotated[Duration, between(INTERVAL_MS)] = 30_000
    timeout: Annotated[Duration, between(TIMEOUT_MS)] = 5_000

    @field_validator("warn_size", "warn_age")
    @classmethod
    def _softer_than_the_limit(cls, value: int | None, info: ValidationInfo) -> int | None:
        limit_name = str(info.field_name).replace("warn", "max")
        limit = info.data.get(limit_name)
        if value is not None and limit is not None and value > limit:
            raise ValueError(f"must be at most {limit_name}")
        return value


COMMON_FIELDS = frozenset(CommonFields.model_fields)


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


type QueueDefinition = Definition[CommonFields, QueueSource]
DEFINITIONS: Definitions[CommonFields, QueueSource, Queue] = Definitions(
    CommonFields,
    SOURCES,
    Queue,
    noun="queue",
    per_entity_max=QUEUES_PER_ENTITY_MAX,
    common_of=_common_document,
)

parse_queue = DEFINITIONS.parse
with_changes = DEFINITIONS.with_changes
definition_of = DEFINITIONS.of
document_of = DEFINITIONS.document_of
brief_document_of = DEFINITIONS.brief_document_of
keep_secrets = DEFINITIONS.keep_secrets
changed_fields = DEFINITIONS.changed_fields
mask_document = DEFINITIONS.mask_document


def limits_in(common: CommonFields) -> Limits:
    return Limits(
        max_size=common.max_size,
        max_age_ms=common.max_age,
        warn_size=common.warn_size,
        warn_age_ms=common.warn_age,
        min_consumers=common.min_consumers,
        breach_within_ms=common.breach_within,
    )


def limits_of(queue: Queue) -> Limits:
    return Limits(
        max_size=queue.max_size,
        max_age_ms=queue.max_age_ms,
        warn_size=queue.warn_size,
        warn_age_ms=queue.warn_age_ms,
        min_consumers=queue.min_consumers,
        breach_within_ms=queue.breach_within_ms,
    )

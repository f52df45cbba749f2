"""What people write about a source of breakers: the same fields in the catalogue file and the API.

The fields below are those of every source; every other key belongs to the kind and is judged by its ``Config``.
"""

from typing import Annotated, Any

from pydantic import Field, ValidationError

from core.durations import format_duration_ms
from core.secrets import open_sealed
from core.text import STORED, Line
from core.validation import field_errors
from ops.breakers.domain import Action
from ops.breakers.models import INSTANCE_MAX, SOURCES_PER_ENTITY_MAX, BreakerSource
from ops.breakers.sources import SOURCES
from ops.breakers.sources.source import BreakerSourceKind, Controllable
from ops.definitions.definition import Definition, Definitions, Named
from ops.probing.config import KindConfig
from ops.probing.fields import Duration, between

INTERVAL_MS = (1_000, 86_400_000)
TIMEOUT_MS = (100, 10_000)


class CommonFields(Named):
    """Durations are milliseconds once parsed. ``instance`` names the instance of the entity that is looked at."""

    instance: Annotated[Line, Field(max_length=INSTANCE_MAX)] = ""
    interval: Annotated[Duration, between(INTERVAL_MS)] = 30_000
    timeout: Annotated[Duration, between(TIMEOUT_MS)] = 5_000


def _common_document(source: BreakerSource) -> dict[str, Any]:
    return {
        "name": source.name,
        "kind": source.kind,
        "instance": source.instance,
        "interval": format_duration_ms(source.interval_ms),
        "timeout": format_duration_ms(source.timeout_ms),
        "paused": source.paused,
    }


type SourceDefinition = Definition[CommonFields, BreakerSourceKind]
DEFINITIONS: Definitions[CommonFields, BreakerSourceKind, BreakerSource] = Definitions(
    CommonFields,
    SOURCES,
    BreakerSource,
    noun="breaker source",
    per_entity_max=SOURCES_PER_ENTITY_MAX,
    common_of=_common_document,
)

parse_source = DEFINITIONS.parse
document_of = DEFINITIONS.document_of
brief_document_of = DEFINITIONS.brief_document_of
keep_secrets = DEFINITIONS.keep_secrets
changed_fields = DEFINITIONS.changed_fields
mask_document = DEFINITIONS.mask_document


def running_config(source: BreakerSource) -> tuple[BreakerSourceKind, KindConfig]:
    """What a look needs, secrets opened. Raises ``ValueError`` that says what is wrong."""
    kind = SOURCES.get(source.kind)
    if kind is None:
        raise ValueError(f"the kind {source.kind!r} is not installed")
    try:
        return kind, kind.Config.model_validate(source.config, context={"open": open_sealed, STORED: True})
    except ValidationError as error:
        raise ValueError(str(field_errors(error)[0])) from None


def actions_of(source: BreakerSource) -> frozenset[Action]:
    """What can be done to the breakers that the source tells of."""
    definition = DEFINITIONS.find(source)
    if definition is None or not isinstance(definition.kind, Controllable):
        return frozenset()
    return definition.kind.actions(definition.config)

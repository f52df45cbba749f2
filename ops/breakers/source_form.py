"""The form of a source of breakers: its controls, and what it is about."""

from dataclasses import replace

from core.form_fields import MORE, FormField
from ops.breakers.definition import DEFINITIONS, CommonFields
from ops.breakers.models import BreakerSource
from ops.breakers.sources.source import BreakerSourceKind
from ops.definitions.form_fields import OWN, draw_field
from ops.definitions.sheet import Subject

_NAME = FormField("name", "Name", mono=True, placeholder="fleet", section=OWN, help="Unique within the entity.")
_COMMON = (
    FormField(
        "instance", "Instance", optional=True, mono=True, section=OWN, placeholder="web-1",
        help="Which instance of the entity it tells of, where there are several.",
    ),
    FormField("interval", "Look every", kind="duration", value="30s", section=MORE),
    FormField("timeout", "Timeout", kind="duration", value="5s", section=MORE, help="For one look."),
)  # fmt: skip


def source_fields(kind: BreakerSourceKind) -> list[FormField]:
    """The name, what the kind asks for, then the common fields."""
    suggested = kind.Config.presentation.suggested
    own = [draw_field(name, info) for name, info in kind.Config.model_fields.items()]
    common = [replace(field, value=suggested.get(field.name, field.value)) for field in _COMMON]
    return [_NAME, *own, *common]


SOURCES_OF_BREAKERS: Subject[CommonFields, BreakerSourceKind, BreakerSource] = Subject(
    DEFINITIONS, source_fields, "Which entity these breakers belong to."
)

"""What is particular to the form of a queue: its fields."""

from dataclasses import replace

from core.form_fields import MORE, FormField
from ops.definitions.form_fields import OWN, draw_field
from ops.definitions.sheet import Subject
from ops.queues.definition import DEFINITIONS, CommonFields
from ops.queues.models import Queue
from ops.queues.sources.source import QueueSource

LIMITS = "limits"
"""The section of what counts as trouble."""

_COMMON = (
    FormField(
        "max_size", "Unhealthy over", kind="number", optional=True, section=LIMITS, help="When more are waiting.",
    ),
    FormField(
        "max_age", "Unhealthy after", kind="duration", optional=True, section=LIMITS, placeholder="5m",
        help="When the oldest waits longer.",
    ),
    FormField(
        "min_consumers", "Consumers at least", kind="number", optional=True, section=LIMITS,
        help="With fewer it is unhealthy.",
    ),
    FormField(
        "warn_size", "Degraded over", kind="number", optional=True, section=LIMITS, help="When more are waiting.",
    ),
    FormField(
        "warn_age", "Degraded after", kind="duration", optional=True, section=LIMITS, placeholder="1m",
        help="When the oldest waits longer.",
    ),
    FormField(
        "breach_within", "Look ahead", kind="duration", value="15m", section=MORE,
        help="Degraded when it will be over its limit within this time, as it grows now. 0s looks no further.",
    ),
    FormField("interval", "Look every", kind="duration", value="30s", section=MORE),
    FormField("timeout", "Timeout", kind="duration", value="5s", section=MORE, help="For one look."),
)  # fmt: skip
_ASKED_ELSEWHERE = frozenset({"name", "kind", "paused"})


def queue_fields(source: QueueSource) -> list[FormField]:
    """The name, what the source asks for, then the common fields; each says in its ``section`` where it stands."""
    suggested = source.Config.presentation.suggested
    name = FormField("name", "Name", mono=True, placeholder="emails", section=OWN, help="Unique within the entity.")
    own = [draw_field(name, info) for name, info in source.Config.model_fields.items()]
    common = [replace(field, value=suggested.get(field.name, field.value)) for field in _COMMON]
    drawn = {field.name for field in _COMMON} | _ASKED_ELSEWHERE
    others = [
        replace(draw_field(name, info), section=MORE)
        for name, info in CommonFields.model_fields.items()
        if name not in drawn
    ]
    return [name, *own, *common, *others]


QUEUES: Subject[CommonFields, QueueSource, Queue] = Subject(
    DEFINITIONS, queue_fields, "Which entity this queue belongs to."
)

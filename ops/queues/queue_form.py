"""The form of a queue: its controls, from what was typed to a definition's data and back, and what is wrong with it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.http import QueryDict

from core.errors import FieldError, NotFound, ValidationFailed
from core.form_fields import MORE, FormField
from entities.selectors import find_entity
from ops.probing.form_fields import OWN, KindChoice, as_typed, draw_field, in_plain_words, kind_choice, read_field
from ops.queues.definition import CommonFields, QueueDefinition, keep_secrets, parse_queue
from ops.queues.models import Queue
from ops.queues.sources import SOURCES
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


def source_choices() -> list[KindChoice]:
    """The kinds of queues, in the order of registration."""
    return [kind_choice(source.name, source.Config) for source in SOURCES]


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


def read_queue_form(form: QueryDict, source: QueueSource) -> dict[str, Any]:
    """What was typed, as the catalogue file would say it; what is empty is not said."""
    data: dict[str, Any] = {"kind": source.name}
    for field in queue_fields(source):
        value = read_field(field, form.get(field.name, ""), source.Config)
        if value is not None:
            data[field.name] = value
    return data


def write_queue_form(definition: QueueDefinition) -> Mapping[str, str]:
    """A definition as it stands in the form's fields."""
    return {name: as_typed(value) for name, value in definition.document().items()}


def judge_queue_form(
    data: Mapping[str, Any], *, entity_ref: str, stored: Queue | None = None
) -> tuple[QueueDefinition | None, tuple[FieldError, ...]]:
    """The definition, if the fields of the queue are fine, and everything that is wrong, the entity included.

    ``stored`` is the queue that is edited; it stays with its entity, and paused if it is.
    """
    definition, errors = None, []
    try:
        definition = keep_secrets(parse_queue({**data, "paused": stored is not None and stored.paused}), stored)
    except ValidationFailed as error:
        errors = [FieldError(wrong.field, in_plain_words(wrong.message)) for wrong in error.errors]
    if stored is not None:
        entity_id = stored.entity_id
    else:
        try:
            entity_id = find_entity(entity_ref).pk
        except NotFound as error:
            return definition, (FieldError("entity", error.message if entity_ref else "Required"), *errors)
    others = Queue.objects.filter(entity_id=entity_id, name=data.get("name", ""))
    if others.exclude(uid=stored.uid if stored else "").exists():
        errors.append(FieldError("name", "The entity already has a queue of this name"))
    return definition, tuple(errors)

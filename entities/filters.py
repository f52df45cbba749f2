"""What a list of entities, or of what belongs to them, may be narrowed to."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Q, QuerySet, TextField
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from core.errors import FieldError, ValidationFailed
from core.search import matching
from entities.domain import Lifecycle, is_label_key
from entities.models import Entity

SEARCHED = ("name", "title", "description")
"""What the words of ``q`` are looked for in."""

_LABEL = re.compile(r"([^:=]+)[:=](.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class EntityFilter:
    """What a list is narrowed to; None and empty mean no limit. ``labels`` must all match.

    Nothing passes one that ``is_void``: what somebody asked for was not understood.
    """

    kind: str | None = None
    team: str | None = None
    environment: str | None = None
    lifecycle: str | None = None
    status: str | None = None
    labels: dict[str, str] = field(default_factory=dict[str, str])
    q: str = ""
    is_void: bool = False


EVERY_ENTITY = EntityFilter()


def parse_labels(pairs: Iterable[str]) -> dict[str, str]:
    """``["region:eu"]`` as a mapping; ``region=eu`` says the same.

    Raises ``ValidationFailed`` for anything else.
    """
    labels: dict[str, str] = {}
    for pair in pairs:
        found = _LABEL.fullmatch(pair)
        if found is None or not is_label_key(found[1]):
            raise ValidationFailed("A label is given as key:value", errors=(FieldError("label", "expected key:value"),))
        key, value = found.groups()
        if labels.setdefault(key, value) != value:
            raise ValidationFailed("A label is given twice", errors=(FieldError("label", f"{key} has two values"),))
    return labels


def narrowed(rows: QuerySet[Entity], narrow: EntityFilter) -> QuerySet[Entity]:
    """``rows`` narrowed by everything but the status, which no column holds.

    Raises ``ValidationFailed`` for text that no database takes.
    """
    for name, wanted in (("team", narrow.team), ("environment", narrow.environment), ("q", narrow.q)):
        _refuse_nul(wanted or "", name)
    _refuse_nul("".join((*narrow.labels, *narrow.labels.values())), "label")
    if narrow.is_void:
        return rows.none()
    if narrow.kind is not None:
        rows = rows.filter(kind=narrow.kind)
    if narrow.team is not None:
        rows = rows.filter(team__name=narrow.team)
    if narrow.environment is not None:
        rows = rows.filter(environment=narrow.environment)
    if narrow.lifecycle is not None:
        rows = rows.filter(lifecycle=narrow.lifecycle)
    for number, (key, value) in enumerate(sorted(narrow.labels.items())):
        text = Cast(KeyTextTransform(key, "labels"), TextField())
        rows = rows.alias(**{f"label_{number}": text}).filter(**{f"label_{number}": value})
    if narrow.q:
        rows = rows.filter(matching(narrow.q, *SEARCHED))
    return rows


def owned(narrow: EntityFilter) -> Q:
    """Of rows that have an ``entity``: those whose entity passes. Raises as ``narrowed``."""
    return Q() if narrow == EVERY_ENTITY else Q(entity__in=narrowed(Entity.objects.order_by(), narrow))


def is_watched() -> Q:
    """Of rows that have an ``entity``: those whose entity is active.

    Nobody watches what belongs to an inactive one, so it makes no noise: it is paused where there is such a status,
    else it counts nowhere and is listed only for whoever asks for that entity.
    """
    return Q(entity__lifecycle=Lifecycle.ACTIVE)


def _refuse_nul(text: str, field_name: str) -> None:
    if "\0" in text:
        raise ValidationFailed("The filter is not valid", errors=(FieldError(field_name, "holds a NUL character"),))

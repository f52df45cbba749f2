"""Which groups a list shows and a figure counts: one answer for both, so that they agree."""

from dataclasses import replace

from django.db.models import Q, QuerySet

from core.search import matching
from entities.filters import EVERY_ENTITY, EntityFilter, is_watched, owned
from entities.selectors import find_entity
from ops.errors.models import ErrorGroup, StoredEvent

SEARCHED = ("title", "culprit", "entity__name")
"""What the words of ``q`` are looked for in."""


def watched_groups() -> QuerySet[ErrorGroup]:
    """Those that count: see ``entities.filters.is_watched``."""
    return ErrorGroup.objects.filter(is_watched())


def narrowed_groups(
    *,
    owner: EntityFilter = EVERY_ENTITY,
    entity_ref: str | None = None,
    level: str | None = None,
    release: str | None = None,
    q: str | None = None,
) -> QuerySet[ErrorGroup]:
    """What the filters mean is told by ``groups.group_rows``."""
    entity = find_entity(entity_ref) if entity_ref else None
    groups = watched_groups() if entity is None else ErrorGroup.objects.filter(entity=entity)
    groups = groups.filter(owned(replace(owner, team=None, environment=None)))
    if owner.team:
        groups = groups.filter(Q(team__name=owner.team) | Q(team=None, entity__team__name=owner.team))
    if owner.environment:
        told = StoredEvent.objects.filter(environment=owner.environment).values("group_id")
        groups = groups.filter(Q(pk__in=told) | Q(environments=[], entity__environment=owner.environment))
    if level:
        groups = groups.filter(level=level)
    if release:
        groups = groups.filter(pk__in=StoredEvent.objects.filter(release=release).values("group_id"))
    if q:
        groups = groups.filter(matching(q, *SEARCHED))
    return groups

"""What names are there: for suggestions while typing, and to tell early that one is taken."""

from entities.models import Entity
from ops.health.models import Check

SUGGESTED = 500


def suggested_entities() -> list[str]:
    """The first names of the catalogue, by alphabet."""
    return list(Entity.objects.order_by("name").values_list("name", flat=True)[:SUGGESTED])


def is_name_taken(*, entity_id: int, name: str, except_uid: str = "") -> bool:
    """Whether the entity has another check of that name."""
    return Check.objects.filter(entity_id=entity_id, name=name).exclude(uid=except_uid).exists()

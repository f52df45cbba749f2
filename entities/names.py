"""Names of the catalogue, for suggestions while typing."""

from entities.models import Entity

SUGGESTED = 500


def suggested_entities() -> list[str]:
    """The first names of the catalogue, by alphabet."""
    return list(Entity.objects.order_by("name").values_list("name", flat=True)[:SUGGESTED])

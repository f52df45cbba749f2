"""What names are there, to tell early that one is taken."""

from ops.health.models import Check


def is_name_taken(*, entity_id: int, name: str, except_uid: str = "") -> bool:
    """Whether the entity has another check of that name."""
    return Check.objects.filter(entity_id=entity_id, name=name).exclude(uid=except_uid).exists()

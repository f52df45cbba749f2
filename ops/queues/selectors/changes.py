"""What pages of queues ask to learn whether they must be drawn again."""

from django.db.models import Max

from ops.queues.models import QueueState


def newest_sample_ms(*, entity_id: int | None = None) -> int:
    """When the newest look of any queue, or of any of an entity's, ended; 0 before the first."""
    states = QueueState.objects.all()
    if entity_id is not None:
        states = states.filter(definition__entity_id=entity_id)
    return states.aggregate(newest=Max("last_at_ms"))["newest"] or 0

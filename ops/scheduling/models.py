"""The columns of a row that the platform looks at again and again. ``*_ms`` of a moment is since the Unix epoch."""

from django.db import models


class Scheduled(models.Model):
    """``next_due_ms`` is null while nothing is to be done. ``slot_ms`` is set from the claim of a slot to the commit of
    what came of it, so that a crash between them runs the same slot again.
    """

    interval_ms = models.PositiveBigIntegerField()
    timeout_ms = models.PositiveIntegerField()
    next_due_ms = models.BigIntegerField(null=True, db_index=True)
    slot_ms = models.BigIntegerField(null=True)
    lease_until_ms = models.BigIntegerField(default=0)
    fence = models.BigIntegerField(default=0)
    missed_slots = models.PositiveIntegerField(default=0)

    class Meta:
        abstract = True

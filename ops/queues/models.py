"""Tables of queues. Columns ``*_ms`` are milliseconds, of a moment since the Unix epoch.

What people edit (``Queue``) and what sampling writes (``QueueState``) live apart: the hot table is narrow.
"""

from django.db import models

from core.ids import new_queue_uid
from ops.probing.models import Defined
from ops.queues.domain import BREACH_WITHIN_MS
from ops.scheduling.models import Scheduled
from ops.signals.domain import Status

_STATUSES = [(status.value, status.word) for status in Status]


class Queue(Defined):
    """The definition of a queue. ``config`` holds the fields of its source, validated by the source's model."""

    uid = models.CharField(max_length=40, unique=True, default=new_queue_uid, editable=False)
    max_size = models.PositiveBigIntegerField(null=True, blank=True)
    max_age_ms = models.PositiveBigIntegerField(null=True, blank=True)
    warn_size = models.PositiveBigIntegerField(null=True, blank=True)
    warn_age_ms = models.PositiveBigIntegerField(null=True, blank=True)
    min_consumers = models.PositiveIntegerField(null=True, blank=True)
    breach_within_ms = models.PositiveBigIntegerField(default=BREACH_WITHIN_MS)
    interval_ms = models.PositiveBigIntegerField(default=30_000)
    timeout_ms = models.PositiveIntegerField(default=5_000)

    class Meta:
        app_label = "ops"
        ordering = ["entity__name", "name"]
        constraints = [models.UniqueConstraint(fields=["entity", "name"], name="queue_name_once_per_entity")]


class QueueState(Scheduled):
    """What sampling knows of a queue: its schedule, how it stands, and what the last look saw.

    ``next_due_ms`` is null while the queue is paused or its entity inactive. ``seen_at_ms`` is the slot of the last
    look that saw something; a look that failed leaves what was seen before it. Rates are messages a second.
    """

    definition = models.OneToOneField(
        Queue, on_delete=models.CASCADE, primary_key=True, related_name="state", db_column="queue_id"
    )
    definition_version = models.PositiveIntegerField(default=1)
    status = models.PositiveSmallIntegerField(choices=_STATUSES, default=Status.UNKNOWN)
    since_ms = models.BigIntegerField(null=True)
    message = models.CharField(max_length=500, blank=True)
    fresh_until_ms = models.BigIntegerField(null=True, db_index=True)
    last_at_ms = models.BigIntegerField(null=True)
    seen_at_ms = models.BigIntegerField(null=True)
    size = models.BigIntegerField(null=True)
    oldest_age_ms = models.BigIntegerField(null=True)
    consumers = models.BigIntegerField(null=True)
    unacked = models.BigIntegerField(null=True)
    scheduled = models.BigIntegerField(null=True)
    dead = models.BigIntegerField(null=True)
    rate_in = models.FloatField(null=True)
    rate_out = models.FloatField(null=True)
    breach_in_ms = models.BigIntegerField(null=True)
    revision = models.BigIntegerField(default=0)

    class Meta:
        app_label = "ops"

    def __str__(self) -> str:
        return f"state of queue {self.pk}"


class QueueSample(models.Model):
    """One lean row per (queue, slot)."""

    pk = models.CompositePrimaryKey("queue_id", "at_ms")
    queue_id = models.BigIntegerField()
    at_ms = models.BigIntegerField()
    size = models.BigIntegerField()
    oldest_age_ms = models.BigIntegerField(null=True)
    consumers = models.BigIntegerField(null=True)
    added = models.BigIntegerField(null=True)
    removed = models.BigIntegerField(null=True)

    class Meta:
        app_label = "ops"

    def __str__(self) -> str:
        return f"{self.size} at {self.at_ms}"


class QueueRollup(models.Model):
    """The samples of the five minutes from ``start_ms`` on; the mean size is ``size_sum`` by ``samples``."""

    pk = models.CompositePrimaryKey("queue_id", "start_ms")
    queue_id = models.BigIntegerField()
    start_ms = models.BigIntegerField()
    samples = models.IntegerField()
    size_min = models.BigIntegerField()
    size_max = models.BigIntegerField()
    size_sum = models.BigIntegerField()
    oldest_age_max_ms = models.BigIntegerField(null=True)

    class Meta:
        app_label = "ops"
        indexes = [models.Index(fields=["start_ms"], name="queue_rollup_start")]

    def __str__(self) -> str:
        return f"{self.samples} samples from {self.start_ms}"

"""Tables of the health slice.

What people edit (``Check``) and what the engine writes (``CheckState``) live apart: the hot table is narrow.
Columns ``*_ms`` are milliseconds, of a moment since the Unix epoch.
"""

from django.db import models

from core.ids import new_check_uid
from ops.health.domain import Status

_STATUSES = [(status.value, status.word) for status in Status]


class Check(models.Model):
    """The definition of a check. ``config`` holds the fields of its kind, validated by the kind's model."""

    uid = models.CharField(max_length=40, unique=True, default=new_check_uid, editable=False)
    entity = models.ForeignKey("entities.Entity", on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=64)
    kind = models.CharField(max_length=32)
    config = models.JSONField(default=dict, blank=True)
    conditions = models.JSONField(default=list, blank=True)
    degraded_conditions = models.JSONField(default=list, blank=True)
    interval_ms = models.PositiveBigIntegerField(default=60_000)
    timeout_ms = models.PositiveIntegerField(default=10_000)
    degraded_above_ms = models.PositiveIntegerField(null=True, blank=True)
    failure_threshold = models.PositiveSmallIntegerField(default=1)
    success_threshold = models.PositiveSmallIntegerField(default=1)
    paused = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        app_label = "ops"
        ordering = ["entity__name", "name"]
        constraints = [models.UniqueConstraint(fields=["entity", "name"], name="check_name_once_per_entity")]

    def __str__(self) -> str:
        return self.name


class CheckState(models.Model):
    """The engine's row of a check: schedule, lease, fence, standing, last result.

    ``next_due_ms`` is null while the check is paused or its entity inactive. ``slot_ms`` is set from the claim
    of a slot to the commit of its result, so that a crash between them runs the same slot again.
    """

    definition = models.OneToOneField(
        Check, on_delete=models.CASCADE, primary_key=True, related_name="state", db_column="check_id"
    )
    definition_version = models.PositiveIntegerField(default=1)
    interval_ms = models.PositiveBigIntegerField()
    timeout_ms = models.PositiveIntegerField()
    next_due_ms = models.BigIntegerField(null=True, db_index=True)
    slot_ms = models.BigIntegerField(null=True)
    lease_until_ms = models.BigIntegerField(default=0)
    fence = models.BigIntegerField(default=0)
    missed_slots = models.PositiveIntegerField(default=0)
    status = models.PositiveSmallIntegerField(choices=_STATUSES, default=Status.UNKNOWN)
    since_ms = models.BigIntegerField(null=True)
    fine_run = models.SmallIntegerField(default=0)
    up_run = models.SmallIntegerField(default=0)
    fresh_until_ms = models.BigIntegerField(null=True, db_index=True)
    last_slot_ms = models.BigIntegerField(null=True)
    last_at_ms = models.BigIntegerField(null=True)
    last_outcome = models.PositiveSmallIntegerField(choices=_STATUSES, null=True)
    last_duration_us = models.BigIntegerField(null=True)
    last_message = models.CharField(max_length=500, blank=True)
    revision = models.BigIntegerField(default=0)

    class Meta:
        app_label = "ops"

    def __str__(self) -> str:
        return f"state of check {self.pk}"


class CheckResult(models.Model):
    """One lean row per (check, slot)."""

    pk = models.CompositePrimaryKey("check_id", "slot_ms")
    check_id = models.BigIntegerField()
    slot_ms = models.BigIntegerField()
    late_ms = models.IntegerField()
    duration_us = models.BigIntegerField()
    outcome = models.PositiveSmallIntegerField(choices=_STATUSES)

    class Meta:
        app_label = "ops"

    def __str__(self) -> str:
        return f"{self.check_id} at {self.slot_ms}"


class ResultDetail(models.Model):
    """What a failed or changed result keeps beyond its lean row."""

    pk = models.CompositePrimaryKey("check_id", "slot_ms")
    check_id = models.BigIntegerField()
    slot_ms = models.BigIntegerField()
    phase = models.CharField(max_length=16, blank=True)
    message = models.CharField(max_length=500)
    trace_id = models.CharField(max_length=32, blank=True)

    class Meta:
        app_label = "ops"

    def __str__(self) -> str:
        return self.message


class Heartbeat(models.Model):
    """The ping address and the last pings of a heartbeat check."""

    definition = models.OneToOneField(
        Check, on_delete=models.CASCADE, primary_key=True, related_name="heartbeat", db_column="check_id"
    )
    ping_id = models.UUIDField(unique=True)
    started_ms = models.BigIntegerField(null=True)
    pinged_ms = models.BigIntegerField(null=True)

    class Meta:
        app_label = "ops"

    def __str__(self) -> str:
        return str(self.ping_id)

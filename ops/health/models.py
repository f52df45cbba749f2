"""Tables of the health slice.

What people edit (``Check``) and what the engine writes (``CheckState``) live apart: the hot table is narrow.
Columns ``*_ms`` are milliseconds, of a moment since the Unix epoch.
"""

from django.db import models

from core.ids import new_check_uid
from ops.definitions.models import Defined
from ops.health.domain import Severity
from ops.scheduling.models import Scheduled
from ops.signals.domain import Status

LATE_MS = 600_000
"""A result that began this long after its slot may come after the roll-up of that time."""

_STATUSES = [(status.value, status.word) for status in Status]


class Check(Defined):
    """The definition of a check. ``config`` holds the fields of its kind, validated by the kind's model."""

    uid = models.CharField(max_length=40, unique=True, default=new_check_uid, editable=False)
    conditions = models.JSONField(default=list, blank=True)
    degraded_conditions = models.JSONField(default=list, blank=True)
    interval_ms = models.PositiveBigIntegerField(default=60_000)
    timeout_ms = models.PositiveIntegerField(default=10_000)
    degraded_above_ms = models.PositiveIntegerField(null=True, blank=True)
    failure_threshold = models.PositiveSmallIntegerField(default=1)
    success_threshold = models.PositiveSmallIntegerField(default=1)
    retry_interval_ms = models.PositiveBigIntegerField(null=True, blank=True)
    upside_down = models.BooleanField(default=False)
    severity_level = models.CharField(
        max_length=8, choices=[(level.value, level.value) for level in Severity], default=Severity.CRITICAL.value
    )

    class Meta:
        app_label = "ops"
        ordering = ["entity__name", "name"]
        constraints = [models.UniqueConstraint(fields=["entity", "name"], name="check_name_once_per_entity")]


class CheckState(Scheduled):
    """The engine's row of a check: schedule, lease, fence, standing, last result.

    ``next_due_ms`` is null while the check is paused or its entity inactive. ``retry_ms`` and ``anchor_ms`` are set
    while the check is retried (``domain.NextSlot``).
    """

    definition = models.OneToOneField(
        Check, on_delete=models.CASCADE, primary_key=True, related_name="state", db_column="check_id"
    )
    definition_version = models.PositiveIntegerField(default=1)
    retry_ms = models.BigIntegerField(null=True)
    anchor_ms = models.BigIntegerField(null=True)
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
        indexes = [models.Index(fields=["slot_ms"], condition=models.Q(late_ms__gt=LATE_MS), name="result_late")]

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
    excerpt = models.CharField(max_length=2_000, blank=True, db_default="")

    class Meta:
        app_label = "ops"

    def __str__(self) -> str:
        return self.message


class Heartbeat(models.Model):
    """The ping address of a heartbeat check, and what is known from its pings.

    ``runs`` is a JSON object: when each run that is under way started, by its run id (``domain.Runs``).
    ``ping_count`` numbers the pings.
    """

    definition = models.OneToOneField(
        Check, on_delete=models.CASCADE, primary_key=True, related_name="heartbeat", db_column="check_id"
    )
    ping_id = models.UUIDField(unique=True)
    runs = models.TextField(default="{}")
    ping_count = models.BigIntegerField(default=0)
    pinged_ms = models.BigIntegerField(null=True)

    class Meta:
        app_label = "ops"

    def __str__(self) -> str:
        return str(self.ping_id)


class Ping(models.Model):
    """One of the last pings of a heartbeat. ``position`` is its number modulo their limit, so a new one takes the place
    of the oldest.
    """

    pk = models.CompositePrimaryKey("heartbeat_id", "position")
    heartbeat = models.ForeignKey(Heartbeat, on_delete=models.CASCADE, related_name="+", db_column="check_id")
    position = models.PositiveSmallIntegerField()
    number = models.BigIntegerField()
    at_ms = models.BigIntegerField()
    signal = models.CharField(max_length=8)
    exit_status = models.PositiveSmallIntegerField(null=True)
    rid = models.UUIDField(null=True)
    duration_ms = models.BigIntegerField(null=True)
    address = models.CharField(max_length=45, blank=True)
    user_agent = models.CharField(max_length=200, blank=True)
    body = models.TextField(blank=True)

    class Meta:
        app_label = "ops"

    def __str__(self) -> str:
        return f"{self.signal} {self.number}"


class PingKey(models.Model):
    """The key of an entity, with which its heartbeats are pinged by their names."""

    entity = models.OneToOneField("entities.Entity", on_delete=models.CASCADE, primary_key=True, related_name="+")
    key = models.CharField(max_length=40, unique=True)

    class Meta:
        app_label = "ops"

    def __str__(self) -> str:
        return f"ping key of entity {self.pk}"


class StatusChange(models.Model):
    """From ``at_ms`` on a check had this status. Append-only, kept for good; before its first row it was unknown."""

    check_id = models.BigIntegerField()
    at_ms = models.BigIntegerField()
    status = models.PositiveSmallIntegerField(choices=_STATUSES)

    class Meta:
        app_label = "ops"
        indexes = [models.Index(fields=["check_id", "at_ms"], name="change_of_check")]

    def __str__(self) -> str:
        return f"{self.check_id} at {self.at_ms}: {self.status}"


class Rollup(models.Model):
    """What one check did in the time from ``start_ms`` on; no row where nothing was known and no result came in.

    Results by outcome; milliseconds with a known status, and of these degraded and unhealthy; the durations of
    results that were healthy or degraded, as ``latency.pack`` wrote them.
    """

    pk = models.CompositePrimaryKey("check_id", "start_ms")
    check_id = models.BigIntegerField()
    start_ms = models.BigIntegerField()
    healthy = models.IntegerField()
    unknown = models.IntegerField()
    degraded = models.IntegerField()
    unhealthy = models.IntegerField()
    known_ms = models.IntegerField()
    degraded_ms = models.IntegerField()
    down_ms = models.IntegerField()
    latency = models.BinaryField()

    class Meta:
        app_label = "ops"
        abstract = True

    def __str__(self) -> str:
        return f"{self.check_id} from {self.start_ms}"


class FineRollup(Rollup):
    """Of 5 minutes."""

    class Meta(Rollup.Meta):
        pass


class HourlyRollup(Rollup):
    """Of an hour."""

    class Meta(Rollup.Meta):
        pass


class DailyRollup(Rollup):
    """Of a day of UTC; today's grows with every hour.

    The ``*_total_ms`` are sums from the first row of the check to this one, so that two rows tell any span of days.
    """

    known_total_ms = models.BigIntegerField()
    down_total_ms = models.BigIntegerField()

    class Meta(Rollup.Meta):
        pass


class RollupProgress(models.Model):
    """One row: everything before ``done_until_ms`` is rolled up; late results were looked for at ``ran_at_ms``."""

    done_until_ms = models.BigIntegerField()
    ran_at_ms = models.BigIntegerField()

    class Meta:
        app_label = "ops"

    def __str__(self) -> str:
        return str(self.done_until_ms)

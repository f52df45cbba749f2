"""Tables of recent errors. Columns ``*_ms`` are milliseconds since the Unix epoch.

An event is spooled as it came in, and digested into groups later; a crash between the two loses nothing.
"""

from django.db import models

from core.ids import new_error_group_uid
from ops.errors.domain import GroupState, Trouble


class ErrorKey(models.Model):
    """The public key of a DSN, by which the programs of one entity report. Sentry's project id is its number."""

    entity = models.ForeignKey("entities.Entity", on_delete=models.CASCADE, related_name="+")
    public_key = models.CharField(max_length=32, unique=True)
    label = models.CharField(max_length=64, blank=True)
    per_minute = models.PositiveIntegerField(default=1_000, help_text="Events a minute; more are refused with 429.")
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=150)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_ms = models.BigIntegerField(null=True, editable=False)

    class Meta:
        app_label = "ops"
        ordering = ["entity__name", "id"]
        verbose_name = "DSN"
        verbose_name_plural = "DSNs"

    def __str__(self) -> str:
        return self.label or f"DSN {self.pk}"


class SpooledEvent(models.Model):
    """An event on its way into its group: the JSON that the SDK sent."""

    entity_id = models.BigIntegerField()
    key_id = models.BigIntegerField(null=True)
    received_ms = models.BigIntegerField()
    payload = models.BinaryField()

    class Meta:
        app_label = "ops"

    def __str__(self) -> str:
        return f"event of entity {self.entity_id}"


class ErrorGroup(models.Model):
    """Events that are the same trouble. ``revision`` is the platform's number of its last change."""

    uid = models.CharField(max_length=40, unique=True, default=new_error_group_uid, editable=False)
    entity = models.ForeignKey("entities.Entity", on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=32)
    digest_version = models.PositiveSmallIntegerField()
    title = models.CharField(max_length=200)
    culprit = models.CharField(max_length=450, blank=True)
    level = models.CharField(max_length=8)
    platform = models.CharField(max_length=200, blank=True)
    state = models.CharField(
        max_length=8, choices=[(state.value, state.value) for state in GroupState], default=GroupState.OPEN
    )
    team = models.ForeignKey("entities.Team", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    first_seen_ms = models.BigIntegerField()
    last_seen_ms = models.BigIntegerField()
    events = models.PositiveBigIntegerField(default=0)
    users = models.PositiveIntegerField(default=0)
    releases = models.JSONField(default=list, blank=True)
    environments = models.JSONField(default=list, blank=True)
    resolved_in = models.CharField(max_length=200, blank=True)
    resolved_at_ms = models.BigIntegerField(null=True, blank=True)
    muted_until_ms = models.BigIntegerField(null=True, blank=True)
    muted_per_hour = models.PositiveIntegerField(null=True, blank=True)
    regressed_at_ms = models.BigIntegerField(null=True, blank=True)
    trouble = models.CharField(
        max_length=10,
        choices=[(trouble.value, trouble.value) for trouble in Trouble],
        blank=True,
        editable=False,
        help_text="Why it makes its entity degraded, as it was last judged.",
    )
    trouble_since_ms = models.BigIntegerField(default=0, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    revision = models.BigIntegerField(default=0)

    class Meta:
        app_label = "ops"
        constraints = [models.UniqueConstraint(fields=["entity", "digest"], name="error_group_once")]
        indexes = [
            models.Index(fields=["state", "-last_seen_ms", "-id"], name="error_group_recent"),
            models.Index(fields=["state", "-events", "-id"], name="error_group_volume"),
            models.Index(fields=["entity", "-last_seen_ms"], name="error_group_of_entity"),
            models.Index(fields=["entity"], condition=models.Q(trouble__gt=""), name="error_group_in_trouble"),
        ]

    def __str__(self) -> str:
        return self.title


class StoredEvent(models.Model):
    """One event of a group, as much of it as is kept: compressed JSON of ``ErrorEvent``."""

    group = models.ForeignKey(ErrorGroup, on_delete=models.CASCADE, related_name="+")
    entity_id = models.BigIntegerField()
    event_id = models.CharField(max_length=32)
    at_ms = models.BigIntegerField()
    release = models.CharField(max_length=200, blank=True)
    environment = models.CharField(max_length=200, blank=True)
    trace_id = models.CharField(max_length=32, blank=True)
    size = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        app_label = "ops"
        constraints = [models.UniqueConstraint(fields=["entity_id", "event_id"], name="error_event_once")]
        indexes = [
            models.Index(fields=["group", "-id"], name="error_event_group"),
            models.Index(fields=["entity_id", "at_ms"], name="error_event_age"),
        ]

    def __str__(self) -> str:
        return self.event_id


class ErrorCount(models.Model):
    """How many events a group had in one hour."""

    pk = models.CompositePrimaryKey("group_id", "hour_ms")
    group_id = models.BigIntegerField()
    hour_ms = models.BigIntegerField()
    events = models.PositiveIntegerField()

    class Meta:
        app_label = "ops"

    def __str__(self) -> str:
        return f"{self.events} at {self.hour_ms}"


class ErrorTotal(models.Model):
    """How many events of an entity were ever stored; it outlives the groups."""

    entity = models.OneToOneField("entities.Entity", on_delete=models.CASCADE, primary_key=True, related_name="+")
    events = models.PositiveBigIntegerField()

    class Meta:
        app_label = "ops"

    def __str__(self) -> str:
        return f"{self.events} of entity {self.entity_id}"


class ErrorUser(models.Model):
    """That a user met a group: a hash, so that people can be counted and not named."""

    pk = models.CompositePrimaryKey("group_id", "user_hash")
    group_id = models.BigIntegerField()
    user_hash = models.BigIntegerField()

    class Meta:
        app_label = "ops"

    def __str__(self) -> str:
        return str(self.user_hash)


class ErrorRelease(models.Model):
    """When an entity was first seen to run a release; tells which of two is the later one."""

    entity = models.ForeignKey("entities.Entity", on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=200)
    first_seen_ms = models.BigIntegerField()

    class Meta:
        app_label = "ops"
        constraints = [models.UniqueConstraint(fields=["entity", "name"], name="error_release_once")]

    def __str__(self) -> str:
        return self.name

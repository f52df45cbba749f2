"""Tables of breakers. Columns ``*_ms`` are milliseconds since the Unix epoch, ``*_share`` are 0 to 1.

What people edit (``BreakerSource``), what sampling writes (``BreakerSourceState``) and what is known of breakers, by
whatever way it came, live apart.
"""

from django.db import models

from core.ids import new_breaker_source_uid, new_breaker_uid
from ops.breakers.domain import BreakerState
from ops.definitions.models import Defined
from ops.scheduling.models import Scheduled

NAME_MAX = 200
INSTANCE_MAX = 100
MESSAGE_MAX = 500
BREAKERS_PER_ENTITY_MAX = 500
INSTANCES_PER_ENTITY_MAX = 5_000
SOURCES_PER_ENTITY_MAX = 200

_UNKNOWN = BreakerState.UNKNOWN.value
_STATES = [(state.value, state.value) for state in BreakerState]


class BreakerSource(Defined):
    """Where breakers of an entity are read. ``config`` holds the fields of its kind, secrets sealed; ``instance`` names
    the instance of the entity that it tells of."""

    uid = models.CharField(max_length=40, unique=True, default=new_breaker_source_uid, editable=False)
    instance = models.CharField(max_length=INSTANCE_MAX, blank=True)
    interval_ms = models.PositiveBigIntegerField(default=30_000)
    timeout_ms = models.PositiveIntegerField(default=5_000)

    class Meta:
        app_label = "ops"
        ordering = ["entity__name", "name"]
        constraints = [models.UniqueConstraint(fields=["entity", "name"], name="breaker_source_once_per_entity")]


class BreakerSourceState(Scheduled):
    """The row of a source that sampling writes. ``failure`` is empty when the last look went well; ``left_out`` are the
    breakers and instances that it saw beyond the limits."""

    source = models.OneToOneField(BreakerSource, on_delete=models.CASCADE, primary_key=True, related_name="state")
    last_at_ms = models.BigIntegerField(null=True)
    failure = models.CharField(max_length=MESSAGE_MAX, blank=True)
    breakers = models.PositiveIntegerField(default=0)
    left_out = models.PositiveIntegerField(default=0)

    class Meta:
        app_label = "ops"

    def __str__(self) -> str:
        return f"state of breaker source {self.pk}"


class FleetBreaker(models.Model):
    """A breaker of an entity: what its instances add up to (``domain.Aggregate``) since ``since_ms``.

    ``kind`` is the way the last news of it came. ``revision`` is the platform's number of its last change.
    """

    uid = models.CharField(max_length=40, unique=True, default=new_breaker_uid, editable=False)
    entity = models.ForeignKey("entities.Entity", on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=NAME_MAX)
    kind = models.CharField(max_length=32)
    state = models.CharField(max_length=16, choices=_STATES, default=_UNKNOWN)
    since_ms = models.BigIntegerField()
    matching = models.PositiveIntegerField(default=0)
    instance_count = models.PositiveIntegerField(default=0)
    silent = models.PositiveIntegerField(default=0)
    fresh_until_ms = models.BigIntegerField(default=0)
    last_transition_ms = models.BigIntegerField(null=True)
    next_half_open_ms = models.BigIntegerField(null=True)
    failure_share = models.FloatField(null=True)
    calls_per_minute = models.FloatField(null=True)
    message = models.CharField(max_length=MESSAGE_MAX, blank=True)
    revision = models.BigIntegerField(default=0)

    class Meta:
        app_label = "ops"
        verbose_name = "breaker"
        constraints = [models.UniqueConstraint(fields=["entity", "name"], name="breaker_once_per_entity")]

    def __str__(self) -> str:
        return self.name


class BreakerInstance(models.Model):
    """A breaker in one instance of its entity. ``told_ms`` and ``sequence`` place the last news of it, which was taken
    at ``last_seen_ms``; ``source`` is None for one that is reported."""

    breaker = models.ForeignKey(FleetBreaker, on_delete=models.CASCADE, related_name="instances")
    instance = models.CharField(max_length=INSTANCE_MAX, blank=True)
    kind = models.CharField(max_length=32)
    source = models.ForeignKey(BreakerSource, on_delete=models.SET_NULL, null=True, related_name="+")
    state = models.CharField(max_length=16, choices=_STATES)
    since_ms = models.BigIntegerField()
    changed_ms = models.BigIntegerField(null=True)
    told_ms = models.BigIntegerField()
    sequence = models.BigIntegerField(default=0)
    last_seen_ms = models.BigIntegerField()
    fresh_until_ms = models.BigIntegerField()
    next_half_open_ms = models.BigIntegerField(null=True)
    calls = models.BigIntegerField(null=True)
    failures = models.BigIntegerField(null=True)
    slow = models.BigIntegerField(null=True)
    not_permitted = models.BigIntegerField(null=True)
    buffered = models.BigIntegerField(null=True)
    failure_share = models.FloatField(null=True)
    slow_share = models.FloatField(null=True)
    calls_per_minute = models.FloatField(null=True)
    message = models.CharField(max_length=MESSAGE_MAX, blank=True)

    class Meta:
        app_label = "ops"
        constraints = [models.UniqueConstraint(fields=["breaker", "instance"], name="breaker_instance_once")]
        indexes = [
            models.Index(
                fields=["fresh_until_ms"],
                condition=~models.Q(state=_UNKNOWN),
                name="breaker_instance_fresh",
            )
        ]

    def __str__(self) -> str:
        return self.instance


class BreakerTransition(models.Model):
    """An instance went from one state to another. Rows are only added; the oldest go (``retention``).

    ``before`` is empty for the first news of an instance. No foreign key: what goes by cascade would be read first.
    """

    breaker_id = models.BigIntegerField()
    instance = models.CharField(max_length=INSTANCE_MAX, blank=True)
    before = models.CharField(max_length=16, blank=True)
    after = models.CharField(max_length=16)
    at_ms = models.BigIntegerField()

    class Meta:
        app_label = "ops"
        indexes = [
            models.Index(fields=["breaker_id", "-id"], name="breaker_transition_of"),
            models.Index(fields=["at_ms"], name="breaker_transition_age"),
        ]

    def __str__(self) -> str:
        return f"{self.instance}: {self.before} -> {self.after}"

"""Tables of queues. Columns ``*_ms`` are milliseconds, of a moment since the Unix epoch.

What people edit (``Queue``) and what sampling writes (``QueueState``) live apart: the hot table is narrow. What
Celery's events tell of tasks (``Task*``) belongs to a broker, whichever queues of it are in the catalogue.
"""

from django.db import models

from core.ids import new_queue_uid
from ops.definitions.models import Defined
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
    look that saw something; a look that failed leaves what was seen before it. Rates are messages a second. Samples
    before ``sampled_from_ms`` are of another source, which the queue had until then.
    """

    definition = models.OneToOneField(
        Queue, on_delete=models.CASCADE, primary_key=True, related_name="state", db_column="queue_id"
    )
    definition_version = models.PositiveIntegerField(default=1)
    status = models.PositiveSmallIntegerField(choices=_STATUSES, default=Status.UNKNOWN)
    since_ms = models.BigIntegerField(null=True)
    message = models.CharField(max_length=500, blank=True)
    fresh_until_ms = models.BigIntegerField(null=True, db_index=True)
    last_at_ms = models.BigIntegerField(null=True, db_index=True)
    seen_at_ms = models.BigIntegerField(null=True)
    sampled_from_ms = models.BigIntegerField(default=0)
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


class PausedConsumer(models.Model):
    """A consumer that was told to stop, and is told when the queue goes on. ``place`` and ``name`` are its source's."""

    queue = models.ForeignKey(Queue, on_delete=models.CASCADE, related_name="paused_consumers")
    place = models.CharField(max_length=700)
    name = models.CharField(max_length=255)

    class Meta:
        app_label = "ops"
        constraints = [models.UniqueConstraint(fields=["queue", "place", "name"], name="consumer_paused_once")]

    def __str__(self) -> str:
        return self.name


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


class TaskListener(models.Model):
    """Which process listens to the events of Celery apps: the ``holder``, until ``lease_until_ms``."""

    name = models.CharField(max_length=32, primary_key=True)
    holder = models.CharField(max_length=100, blank=True)
    lease_until_ms = models.BigIntegerField(default=0)

    class Meta:
        app_label = "ops"

    def __str__(self) -> str:
        return f"{self.name} by {self.holder or 'nobody'}"


class TaskBroker(models.Model):
    """A broker that is listened to. ``key`` is its address without secrets, and the key prefix of the app.

    ``stored_ms`` is when it was known last how it stands, ``heard_ms`` when anything was heard of it,
    ``window_ms`` how much of the last five minutes was listened to. ``message`` says why it cannot be listened to.
    """

    key = models.CharField(max_length=450, unique=True)
    stored_ms = models.BigIntegerField(default=0)
    heard_ms = models.BigIntegerField(null=True)
    window_ms = models.BigIntegerField(default=0)
    workers = models.IntegerField(default=0)
    message = models.CharField(max_length=300, blank=True)

    class Meta:
        app_label = "ops"

    def __str__(self) -> str:
        return self.key


class TaskWorker(models.Model):
    """A worker that sends heartbeats, until some minutes after the last one. ``active`` tasks are what it told last."""

    broker = models.ForeignKey(TaskBroker, on_delete=models.CASCADE, related_name="hosts")
    hostname = models.CharField(max_length=200)
    is_up = models.BooleanField()
    active = models.IntegerField(null=True)
    interval_ms = models.IntegerField()
    seen_ms = models.BigIntegerField()

    class Meta:
        app_label = "ops"
        constraints = [models.UniqueConstraint(fields=["broker", "hostname"], name="worker_once_per_broker")]

    def __str__(self) -> str:
        return self.hostname


class TaskStatistic(models.Model):
    """What the events of a task told: counters since it was first heard of, and the last minutes of its broker.

    ``runtime`` and ``wait`` are packed histograms of microseconds (``core.latency``); counts ``recent_*`` and
    percentiles are those of the window.
    """

    broker = models.ForeignKey(TaskBroker, on_delete=models.CASCADE, related_name="tasks")
    name = models.CharField(max_length=200)
    queue = models.CharField(max_length=200, blank=True)
    sent = models.BigIntegerField(default=0)
    received = models.BigIntegerField(default=0)
    started = models.BigIntegerField(default=0)
    succeeded = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)
    revoked = models.BigIntegerField(default=0)
    retried = models.BigIntegerField(default=0)
    runtime = models.BinaryField(default=bytes)
    wait = models.BinaryField(default=bytes)
    runtime_us = models.BigIntegerField(default=0)
    wait_us = models.BigIntegerField(default=0)
    heard_ms = models.BigIntegerField()
    recent_succeeded = models.IntegerField(default=0)
    recent_failed = models.IntegerField(default=0)
    recent_retried = models.IntegerField(default=0)
    runtime_p50_us = models.FloatField(null=True)
    runtime_p95_us = models.FloatField(null=True)
    runtime_p99_us = models.FloatField(null=True)
    wait_p50_us = models.FloatField(null=True)
    wait_p95_us = models.FloatField(null=True)
    wait_p99_us = models.FloatField(null=True)

    class Meta:
        app_label = "ops"
        constraints = [models.UniqueConstraint(fields=["broker", "name", "queue"], name="task_once_per_broker")]

    def __str__(self) -> str:
        return self.name


class TaskFailure(models.Model):
    """One of the last failures of a task; the texts are cut and redacted."""

    statistic = models.ForeignKey(TaskStatistic, on_delete=models.CASCADE, related_name="failures")
    at_ms = models.BigIntegerField()
    task_id = models.CharField(max_length=200)
    worker = models.CharField(max_length=200)
    exception = models.CharField(max_length=600)
    traceback = models.TextField()

    class Meta:
        app_label = "ops"

    def __str__(self) -> str:
        return self.exception[:80]

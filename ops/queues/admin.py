"""Queues in the Django admin, written through the services."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from core.clock import database_now_ms
from ops.definitions.admin import DefinedAdmin, KindFilter
from ops.definitions.admin_forms import DurationField, WholeForm
from ops.queues.models import Queue
from ops.queues.selectors import effective
from ops.queues.services import QUEUE_WRITER
from ops.signals.domain import WORDS


class QueueForm(WholeForm):
    writer = QUEUE_WRITER
    config_example = "url: redis://10.1.2.3:6379/0"

    max_age = DurationField(help_text="Unhealthy when the oldest waits longer.")
    warn_age = DurationField(help_text="Degraded when the oldest waits longer.")
    breach_within = DurationField("15m", help_text="Degraded when it will be over its limit within this time.")
    interval = DurationField("30s")
    timeout = DurationField("5s")

    class Meta:
        model = Queue
        fields = ["entity", "name", "kind", "max_size", "warn_size", "min_consumers", "paused"]
        help_texts = {
            "max_size": "Unhealthy when more are waiting.",
            "warn_size": "Degraded when more are waiting.",
            "min_consumers": "Unhealthy with fewer, if the source can tell consumers.",
        }


@admin.register(Queue)
class QueueAdmin(DefinedAdmin):
    form = QueueForm
    settings = [
        ("Limits", {"fields": ["max_size", "max_age", "warn_size", "warn_age", "min_consumers", "breach_within"]}),
        ("Rhythm", {"fields": ["interval", "timeout"]}),
    ]
    state_fields = ["status", "message", "size", "oldest_age", "last_result"]
    goes_along = "its history"
    list_display = ["name", "entity", "kind", "status", "size", "oldest_age", "last_result", "message"]
    list_filter = [KindFilter, "paused", "entity__team", "entity__environment"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Queue]:
        queues: QuerySet[Queue] = super().get_queryset(request)
        return queues.annotate(severity=effective.severity(database_now_ms()))

    @admin.display(description="Status", ordering="severity")
    def status(self, queue: Any) -> str:
        return WORDS[queue.severity]

    @admin.display(description="Size", ordering="state__size")
    def size(self, queue: Queue) -> int | None:
        return queue.state.size

    @admin.display(description="Oldest waits (s)", ordering="state__oldest_age_ms")
    def oldest_age(self, queue: Queue) -> float | None:
        age = queue.state.oldest_age_ms
        return None if age is None else age / 1_000

    @admin.display(description="Message")
    def message(self, queue: Queue) -> str:
        return queue.state.message

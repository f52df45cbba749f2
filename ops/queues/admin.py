"""Queues in the Django admin, to read; they are edited over the API and in the catalogue file."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from core.admin_services import ModelAdmin, PermittedByRole
from core.clock import database_now_ms, from_ms
from core.permissions import Permission
from ops.queues.models import Queue
from ops.queues.selectors import effective
from ops.queues.selectors.source_words import describe_source
from ops.signals.domain import WORDS


@admin.register(Queue)
class QueueAdmin(PermittedByRole, ModelAdmin):
    view_permission = Permission.CATALOG_VIEW
    edit_permission = None
    list_display = ["name", "entity", "kind", "status", "size", "oldest_age", "last_look", "message"]
    list_filter = ["kind", "paused", "entity__team", "entity__environment"]
    list_select_related = ["entity", "state"]
    search_fields = ["name", "entity__name", "uid"]
    ordering = ["entity__name", "name"]
    fields = (
        "entity", "name", "kind", "source", "max_size", "max_age_ms", "warn_size", "warn_age_ms", "min_consumers",
        "breach_within_ms", "interval_ms", "timeout_ms", "paused", "status", "message", "size", "oldest_age",
        "last_look", "uid", "version", "created_at", "updated_at",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Queue]:
        queues: QuerySet[Queue] = super().get_queryset(request)
        return queues.annotate(severity=effective.severity(database_now_ms()))

    @admin.display(description="Source")
    def source(self, queue: Queue) -> str:
        return describe_source(queue.kind, queue.config)

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

    @admin.display(description="Last look", ordering="state__last_at_ms")
    def last_look(self, queue: Queue) -> Any:
        at_ms = queue.state.last_at_ms
        return None if at_ms is None else from_ms(at_ms)

    @admin.display(description="Message")
    def message(self, queue: Queue) -> str:
        return queue.state.message

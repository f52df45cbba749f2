"""Breakers in the Django admin, to read; sources are edited in the dashboard, the catalogue file and over the API."""

from typing import Any

from django.contrib import admin

from core.admin_services import ModelAdmin, PermittedByRole
from core.clock import from_ms
from core.permissions import Permission
from ops.breakers.definition import document_of, mask_document
from ops.breakers.models import BreakerSource, FleetBreaker


@admin.register(FleetBreaker)
class FleetBreakerAdmin(PermittedByRole, ModelAdmin):
    view_permission = Permission.CATALOG_VIEW
    edit_permission = None
    list_display = ["name", "entity", "kind", "state", "instance_count", "silent", "since", "fresh_until"]
    list_filter = ["state", "kind"]
    list_select_related = ["entity"]
    search_fields = ["name", "entity__name", "uid"]
    ordering = ["entity__name", "name"]
    show_full_result_count = False
    fields = (
        "name", "entity", "kind", "state", "since", "message", "instance_count", "matching", "silent", "fresh_until",
        "failure_share", "calls_per_minute", "uid",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description="Since", ordering="since_ms")
    def since(self, breaker: FleetBreaker) -> Any:
        return from_ms(breaker.since_ms)

    @admin.display(description="Fresh until", ordering="fresh_until_ms")
    def fresh_until(self, breaker: FleetBreaker) -> Any:
        return from_ms(breaker.fresh_until_ms)


@admin.register(BreakerSource)
class BreakerSourceAdmin(PermittedByRole, ModelAdmin):
    view_permission = Permission.CATALOG_VIEW
    edit_permission = None
    list_display = ["name", "entity", "kind", "instance", "paused", "failure"]
    list_filter = ["kind", "paused"]
    list_select_related = ["entity", "state"]
    search_fields = ["name", "entity__name", "uid"]
    ordering = ["entity__name", "name"]
    fields = ("name", "entity", "kind", "instance", "paused", "definition", "last_look", "failure", "uid", "version")
    readonly_fields = fields

    @admin.display(description="Last failure")
    def failure(self, source: BreakerSource) -> str:
        return source.state.failure

    @admin.display(description="Last look")
    def last_look(self, source: BreakerSource) -> Any:
        return None if source.state.last_at_ms is None else from_ms(source.state.last_at_ms)

    @admin.display(description="Definition")
    def definition(self, source: BreakerSource) -> str:
        """Anybody who may view it reads this, hence without anything that may be secret."""
        shown = mask_document(document_of(source), kind=source.kind)
        return "\n".join(f"{name}: {value}" for name, value in shown.items() if value is not None)

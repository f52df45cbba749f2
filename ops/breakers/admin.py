"""Breakers in the Django admin, to read; and their sources, written through the services."""

from django.contrib import admin

from core.admin_services import ModelAdmin, PermittedByRole, show_moment
from core.permissions import Permission
from ops.breakers.models import BreakerSource, FleetBreaker
from ops.breakers.services import SOURCE_WRITER
from ops.definitions.admin import DefinedAdmin, KindFilter
from ops.definitions.admin_forms import DurationField, WholeForm


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
    def since(self, breaker: FleetBreaker) -> str:
        return show_moment(breaker.since_ms)

    @admin.display(description="Fresh until", ordering="fresh_until_ms")
    def fresh_until(self, breaker: FleetBreaker) -> str:
        return show_moment(breaker.fresh_until_ms)


class SourceForm(WholeForm):
    writer = SOURCE_WRITER
    config_example = "url: http://10.1.2.3/metrics"

    interval = DurationField("30s")
    timeout = DurationField("5s")

    class Meta:
        model = BreakerSource
        fields = ["entity", "name", "kind", "instance", "paused"]


@admin.register(BreakerSource)
class BreakerSourceAdmin(DefinedAdmin):
    form = SourceForm
    settings = [("Looks", {"fields": ["instance", "interval", "timeout"]})]
    state_fields = ["failure", "last_result"]
    goes_along = "the breakers that it tells of"
    list_display = ["name", "entity", "kind", "instance", "paused", "last_result", "failure"]
    list_filter = [KindFilter, "paused"]

    @admin.display(description="Last failure")
    def failure(self, source: BreakerSource) -> str:
        return source.state.failure

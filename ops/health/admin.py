"""Checks in the Django admin, written and operated through the services."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from core.admin_services import PermittedByRole, TabularInline
from core.authentication import request_principal
from core.clock import database_now_ms
from core.durations import format_duration_ms
from core.errors import QuarterdeckError
from core.permissions import Permission
from entities.admin import EntityAdmin
from ops.definitions.admin import DefinedAdmin, KindFilter
from ops.health import services
from ops.health.admin_forms import CheckForm, CheckFormSet, ChecksElsewhere, InlineCheckForm
from ops.health.models import Check, Heartbeat
from ops.health.selectors import effective
from ops.health.wakeup import wake_engine_on_commit
from ops.signals.domain import WORDS


class StatusFilter(admin.SimpleListFilter):
    title = "status"
    parameter_name = "status"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        return [(word, word) for word in effective.SEVERITIES]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        severity = effective.SEVERITIES.get(self.value() or "")
        return queryset if severity is None else queryset.filter(severity=severity)


@admin.register(Check)
class CheckAdmin(DefinedAdmin):
    form = CheckForm
    settings = [
        ("Rhythm", {"fields": ["interval", "timeout", "retry_interval", "failure_threshold", "success_threshold"]}),
        ("Judgement", {"fields": ["conditions", "degraded_conditions", "degraded_above", "severity", "upside_down"]}),
    ]
    state_fields = ["status", "message", "last_result"]
    keys = ["ping_address"]
    goes_along = "its results"
    list_display = ["name", "entity", "kind", "status", "every", "last_result", "message"]
    list_filter = [StatusFilter, KindFilter, "paused", "entity__team", "entity__environment"]
    linked_by = ["entity"]
    actions = ["run_now", "pause", "resume"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Check]:
        checks: QuerySet[Check] = super().get_queryset(request)
        return checks.annotate(severity=effective.severity(database_now_ms()))

    @admin.display(description="Status", ordering="severity")
    def status(self, check: Any) -> str:
        return WORDS[check.severity]

    @admin.display(description="Every", ordering="interval_ms")
    def every(self, check: Check) -> str:
        return format_duration_ms(check.state.interval_ms)

    @admin.display(description="Message")
    def message(self, check: Check) -> str:
        return check.state.last_message

    @admin.display(description="Ping address")
    def ping_address(self, check: Check) -> str:
        beat = Heartbeat.objects.filter(pk=check.pk).first()
        return f"/ping/{beat.ping_id}" if beat else "-"

    def save_model(self, request: HttpRequest, obj: Check, form: Any, change: Any) -> None:
        super().save_model(request, obj, form, change)
        wake_engine_on_commit()

    def has_run_permission(self, request: HttpRequest) -> bool:
        return request_principal(request).may(Permission.CHECK_RUN)

    def has_pause_permission(self, request: HttpRequest) -> bool:
        return request_principal(request).may(Permission.CHECK_PAUSE)

    @admin.action(description="Run the selected checks now", permissions=["run"])
    def run_now(self, request: HttpRequest, checks: QuerySet[Check]) -> None:
        self._operate(request, checks, services.run_check_now, "made due")

    @admin.action(description="Pause the selected checks", permissions=["pause"])
    def pause(self, request: HttpRequest, checks: QuerySet[Check]) -> None:
        self._operate(request, checks, services.pause_check, "paused")

    @admin.action(description="Resume the selected checks", permissions=["pause"])
    def resume(self, request: HttpRequest, checks: QuerySet[Check]) -> None:
        self._operate(request, checks, services.resume_check, "resumed")

    def _operate(
        self, request: HttpRequest, checks: QuerySet[Check], operation: Callable[..., None], done: str
    ) -> None:
        """One by one: what one check refuses does not keep the others from it."""
        count = 0
        for check in checks:
            try:
                operation(principal=request_principal(request), uid=check.uid)
                count += 1
            except QuarterdeckError as error:
                messages.warning(request, error.message)
        messages.success(request, f"{count} {done}")
        wake_engine_on_commit()


INLINE_MAX = 100
"""More checks than that would be too many fields for one form: they are edited in their own list alone."""


class CheckInline(PermittedByRole, TabularInline):
    view_permission = Permission.CATALOG_VIEW
    edit_permission = Permission.CATALOG_EDIT
    model = Check
    form = InlineCheckForm
    formset = CheckFormSet
    fields = ["name", "kind", "config", "interval", "paused", "expected_version"]
    extra = 0
    show_change_link = True
    count = 0

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        self.count = Check.objects.filter(entity=obj).count() if obj else 0
        if self.count > INLINE_MAX:
            self.template = "admin/checks_elsewhere.html"
            kwargs |= {"formset": ChecksElsewhere, "max_num": 0}
        formset: Any = super().get_formset(request, obj, **kwargs)
        formset.principal = formset.form.principal = request_principal(request)
        return formset

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [] if self.has_change_permission(request, obj) else ["name", "kind", "paused"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if self.has_change_permission(request, obj) else ["name", "kind", "paused"]


EntityAdmin.inlines = [*EntityAdmin.inlines, CheckInline]

"""Checks in the Django admin, written and operated through the services."""

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from core.admin_services import ModelAdmin, PermittedByRole, TabularInline
from core.authentication import request_principal
from core.clock import database_now_ms, from_ms
from core.durations import format_duration_ms
from core.errors import QuarterdeckError
from core.permissions import Permission
from core.revision import changing
from entities.admin import EntityAdmin
from ops.health import services
from ops.health.admin_forms import CheckForm, CheckFormSet, ChecksElsewhere, InlineCheckForm
from ops.health.checks import KINDS
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


class KindFilter(admin.SimpleListFilter):
    title = parameter_name = "kind"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in KINDS.names()]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(kind=self.value()) if self.value() in KINDS.names() else queryset


@admin.register(Check)
class CheckAdmin(PermittedByRole, ModelAdmin):
    view_permission = Permission.CATALOG_VIEW
    edit_permission = Permission.CATALOG_EDIT
    form = CheckForm
    list_display = ["name", "entity", "kind", "status", "every", "last_result", "message"]
    list_filter = [StatusFilter, KindFilter, "paused", "entity__team", "entity__environment"]
    list_select_related = ["entity", "state"]
    search_fields = ["name", "entity__name", "entity__title", "uid"]
    ordering = ["entity__name", "name"]
    autocomplete_fields = ["entity"]
    readonly_fields = ["uid", "version", "status", "message", "last_result", "ping_address", "created_at", "updated_at"]
    actions = ["run_now", "pause", "resume"]
    fieldsets = [
        (None, {"fields": ["entity", "name", "kind", "config", "paused", "expected_version"]}),
        ("Rhythm", {"fields": ["interval", "timeout", "retry_interval", "failure_threshold", "success_threshold"]}),
        ("Judgement", {"fields": ["conditions", "degraded_conditions", "degraded_above", "severity", "upside_down"]}),
        ("State", {"fields": ["status", "message", "last_result", "ping_address"]}),
        ("Record", {"fields": ["uid", "version", "created_at", "updated_at"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Check]:
        checks: QuerySet[Check] = super().get_queryset(request)
        return checks.annotate(severity=effective.severity(database_now_ms()))

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, *args, **kwargs)
        form.principal = request_principal(request)
        return form

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        # Of a reader, whose fields are not the form's, and of a new check, which has neither state nor record.
        if not self.has_change_permission(request):
            return [(None, {"fields": ["entity", "name", "kind", *self.get_readonly_fields(request, obj)]})]
        return self.fieldsets if obj else self.fieldsets[:3]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if not self.has_change_permission(request):
            return ["every", *(name for name in self.readonly_fields if name != "ping_address")]
        return [*self.readonly_fields, "entity"] if obj else self.readonly_fields

    @admin.display(description="Status", ordering="severity")
    def status(self, check: Any) -> str:
        return WORDS[check.severity]

    @admin.display(description="Every", ordering="interval_ms")
    def every(self, check: Check) -> str:
        return format_duration_ms(check.state.interval_ms)

    @admin.display(description="Last result", ordering="state__last_at_ms")
    def last_result(self, check: Check) -> Any:
        at_ms = check.state.last_at_ms
        return None if at_ms is None else from_ms(at_ms)

    @admin.display(description="Message")
    def message(self, check: Check) -> str:
        return check.state.last_message

    @admin.display(description="Ping address")
    def ping_address(self, check: Check) -> str:
        beat = Heartbeat.objects.filter(pk=check.pk).first()
        return f"/ping/{beat.ping_id}" if beat else "-"

    def save_model(self, _request: HttpRequest, obj: Check, form: CheckForm, _change: Any) -> None:
        obj.pk = form.save_through_services().id
        obj.refresh_from_db()
        wake_engine_on_commit()

    def get_deleted_objects(
        self, objs: Iterable[Check], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        checks = list(objs)
        denied = set() if self.has_delete_permission(request) else {"check"}
        return [f"Check {check.name} with its results" for check in checks], {"checks": len(checks)}, denied, []

    def delete_model(self, request: HttpRequest, obj: Check) -> None:
        services.delete_check(principal=request_principal(request), uid=obj.uid)

    @changing()
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Check]) -> None:
        for check in queryset:
            self.delete_model(request, check)

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
    fields = ["name", "kind", "config", "interval", "paused"]
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

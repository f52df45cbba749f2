"""Errors in the Django admin: groups to read, DSNs to make and revoke through the services."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from core.admin_services import ModelAdmin, PermittedByRole, ServiceForm, show_moment
from core.authentication import request_principal
from core.permissions import Permission
from core.revision import changing
from ops.errors import services
from ops.errors.models import ErrorGroup, ErrorKey


@admin.register(ErrorGroup)
class ErrorGroupAdmin(PermittedByRole, ModelAdmin):
    view_permission = Permission.CATALOG_VIEW
    edit_permission = None
    list_display = ["title", "entity", "state", "level", "events", "users", "last_seen", "page"]
    list_filter = ["state", "level"]
    list_select_related = ["entity"]
    search_fields = ["title", "culprit", "entity__name", "uid"]
    ordering = ["-last_seen_ms", "-id"]
    show_full_result_count = False
    fields = (
        "title", "culprit", "entity", "team", "state", "level", "platform", "events", "users", "first_seen",
        "last_seen", "releases", "environments", "resolved_in", "uid", "version", "page",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description="First seen", ordering="first_seen_ms")
    def first_seen(self, group: ErrorGroup) -> str:
        return show_moment(group.first_seen_ms)

    @admin.display(description="Last seen", ordering="last_seen_ms")
    def last_seen(self, group: ErrorGroup) -> str:
        return show_moment(group.last_seen_ms)

    @admin.display(description="On the dashboard")
    def page(self, group: ErrorGroup) -> str:
        return format_html('<a href="{}">open</a>', reverse("error-detail", args=[group.uid]))


class ErrorKeyForm(ServiceForm):
    class Meta:
        model = ErrorKey
        fields = ["entity", "label", "per_minute"]


@admin.register(ErrorKey)
class ErrorKeyAdmin(PermittedByRole, ModelAdmin):
    view_permission = Permission.ERRORS_MANAGE
    edit_permission = Permission.ERRORS_MANAGE
    form = ErrorKeyForm
    list_display = ["id", "entity", "label", "per_minute", "created_at", "created_by", "revoked_at"]
    list_display_links = ["id", "label"]
    list_filter = [("revoked_at", admin.EmptyFieldListFilter)]
    list_select_related = ["entity"]
    search_fields = ["label", "entity__name"]
    autocomplete_fields = ["entity"]
    actions = ["revoke"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:  # noqa: ARG002 - Django's signature
        return [] if obj is None else [*self.form.Meta.fields, "created_at", "created_by", "revoked_at"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.get_readonly_fields(request, obj) or self.form.Meta.fields

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """A key is revoked instead: what it brought stays to be told apart."""
        return False

    def save_model(self, request: HttpRequest, obj: ErrorKey, form: Any, change: Any) -> None:
        if change:
            return
        data = form.cleaned_data
        made = services.create_key(
            principal=request_principal(request), entity_ref=data["entity"].name, label=data["label"],
            per_minute=data["per_minute"],
        )  # fmt: skip
        obj.pk = made.pk
        obj.refresh_from_db()

    @admin.action(description="Revoke the selected DSNs", permissions=["change"])
    @changing()
    def revoke(self, request: HttpRequest, keys: QuerySet[ErrorKey]) -> None:
        for key in keys.filter(revoked_at=None).select_related("entity"):
            services.revoke_key(principal=request_principal(request), entity_ref=key.entity.name, number=key.pk)
        messages.success(request, "Programs that use them are refused from now on")

"""Audit, tokens and users in the Django admin."""

import datetime as dt
import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.html import format_html
from pydantic import TypeAdapter, ValidationError

from core.admin_services import DjangoUserAdmin, ModelAdmin, PermittedByRole, ServiceForm, rehearse, show_error
from core.audit import record_action
from core.authentication import request_principal
from core.clock import Moment
from core.durations import parse_duration_ms
from core.models import ApiToken, AuditEntry
from core.permissions import Permission
from core.tokens import NewToken, create_token, revoke_token

admin.site.site_header = admin.site.site_title = "Quarterdeck"
admin.site.index_title = "Administration"
admin.site.site_url = None  # the templates link to the dashboard
admin.site.unregister(Group)
admin.site.unregister(User)


_MOMENT = TypeAdapter[dt.datetime](Moment)


class MomentFilter(admin.DateFieldListFilter):
    """Dates that cannot be told in UTC are refused like any other value that cannot be read."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        try:
            for values in self.used_parameters.values():
                for value in values if isinstance(values, list) else [values]:
                    _MOMENT.validate_python(value)
        except ValidationError as error:
            raise IncorrectLookupParameters(error) from error
        return super().queryset(request, queryset)


_AUDIT_FIELDS = ("at", "actor", "action", "target_type", "target_name", "target_uid", "was", "became", "request_id")


@admin.register(AuditEntry)
class AuditEntryAdmin(PermittedByRole, ModelAdmin):
    """Read only: the database itself refuses to change an entry."""

    view_permission = Permission.AUDIT_VIEW
    edit_permission = None
    list_display = ["at", "actor", "action", "target_type", "target_name", "changed", "request_id"]
    list_filter = ["action", "target_type", ("at", MomentFilter)]
    search_fields = ["actor", "target_name", "target_uid", "request_id"]
    fields = readonly_fields = _AUDIT_FIELDS
    show_full_result_count = False

    @admin.display(description="Changed")
    def changed(self, entry: AuditEntry) -> str:
        return ", ".join(entry.after or {})[:80] if entry.before is not None else ""

    @admin.display(description="Before")
    def was(self, entry: AuditEntry) -> str:
        return _pretty(entry.before)

    @admin.display(description="After")
    def became(self, entry: AuditEntry) -> str:
        return _pretty(entry.after)


def _pretty(value: Any) -> str:
    if value is None:
        return "-"
    return format_html("<pre>{}</pre>", json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False))


class TokenForm(ServiceForm):
    lifetime = forms.CharField(
        required=False, max_length=20, label="Expires after", help_text="Such as 12h or 90d; empty: until revoked."
    )

    class Meta:
        model = ApiToken
        fields = ["name", "role"]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if not self.errors and (error := rehearse(self.create)):
            show_error(self, error)
        return data

    def clean_lifetime(self) -> dt.timedelta | None:
        text = self.cleaned_data["lifetime"]
        try:
            return dt.timedelta(milliseconds=parse_duration_ms(text)) if text else None
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None

    def create(self) -> NewToken:
        data = self.cleaned_data
        return create_token(principal=self.principal, name=data["name"], role=data["role"], lifetime=data["lifetime"])


@admin.register(ApiToken)
class ApiTokenAdmin(PermittedByRole, ModelAdmin):
    """Tokens are made and revoked, never edited or deleted: the audit names them."""

    view_permission = edit_permission = Permission.ACCESS_MANAGE
    form = TokenForm
    list_display = ["name", "role", "state", "created_at", "expires_at", "last_used_at"]
    list_filter = ["role"]
    search_fields = ["name"]
    fields = ["name", "role", "state", "created_at", "expires_at", "revoked_at", "last_used_at"]
    readonly_fields = ["state", "created_at", "expires_at", "revoked_at", "last_used_at"]
    actions = ["revoke"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None and super().has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def get_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> Any:
        return super().get_fields(request, obj) if obj else ["name", "role", "lifetime"]

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, *args, **kwargs)
        form.principal = request_principal(request)
        return form

    @admin.display(description="State")
    def state(self, token: ApiToken) -> str:
        if token.revoked_at is not None:
            return "revoked"
        return "expired" if token.expires_at is not None and token.expires_at <= timezone.now() else "valid"

    def save_model(self, request: HttpRequest, obj: ApiToken, form: TokenForm, _change: bool) -> None:
        created = form.create()
        obj.__dict__.update(ApiToken.objects.get(uid=created.uid).__dict__)
        request.new_token = created  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: ApiToken, _post_url_continue: str | None = None) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "title": f"Token {obj.name}", "token": request.new_token}  # type: ignore[attr-defined]
        return render(request, "admin/core/apitoken/created.html", {**context, "opts": self.opts})

    @admin.action(description="Revoke the selected tokens", permissions=["change"])
    def revoke(self, request: HttpRequest, tokens: QuerySet[ApiToken]) -> None:
        principal = request_principal(request)
        with transaction.atomic():
            revoked = [token.name for token in tokens if revoke_token(principal=principal, name=token.name)]
        messages.success(request, f"Revoked: {', '.join(revoked) or 'none, they were revoked before'}")


@admin.register(User)
class AuditedUserAdmin(PermittedByRole, DjangoUserAdmin):
    """Django's own, for those who manage access; every change is audited. Groups are the roles."""

    view_permission = edit_permission = Permission.ACCESS_MANAGE
    list_display = ["username", "email", "role_names", "is_staff", "is_superuser", "is_active", "last_login"]
    list_filter = ["is_active", "is_staff", "is_superuser", "groups"]
    filter_horizontal = []
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        ("Person", {"fields": ["first_name", "last_name", "email"]}),
        ("Access", {"fields": ["is_active", "is_staff", "is_superuser", "groups"]}),
        ("Dates", {"fields": ["last_login", "date_joined"]}),
    ]
    readonly_fields = ["last_login", "date_joined"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups")

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_manytomany(db_field, request, **kwargs)
        if field is not None and db_field.name == "groups":
            field.label, field.help_text = "Roles", "viewer, operator, editor or admin."
        return field

    @admin.display(description="Roles")
    def role_names(self, user: User) -> str:
        return ", ".join(sorted(group.name for group in user.groups.all()))

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        request.user_before = _describe(User.objects.get(pk=obj.pk)) if change else None  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        before: dict[str, Any] | None = request.user_before  # type: ignore[attr-defined]
        after = _describe(User.objects.get(pk=form.instance.pk))
        changed = [name for name, value in after.items() if before is None or before[name] != value]
        if changed:
            _record(
                request,
                form.instance,
                "user.update" if change else "user.create",
                before={name: before[name] for name in changed} if before is not None else None,
                after={name: after[name] for name in changed},
            )

    @transaction.atomic
    def delete_model(self, request: HttpRequest, obj: User) -> None:
        _record(request, obj, "user.delete", before=_describe(obj))
        super().delete_model(request, obj)

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset:
            _record(request, user, "user.delete", before=_describe(user))
        super().delete_queryset(request, queryset)

    @transaction.atomic
    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        user = User.objects.filter(pk=id).first() if id.isdigit() else None
        before = user.password if user else ""
        response = super().user_change_password(request, id, form_url)
        if user and User.objects.get(pk=user.pk).password != before:
            _record(request, user, "user.set_password")
        return response


def _describe(user: User) -> dict[str, Any]:
    return {
        "username": user.username,
        "email": user.email,
        "name": user.get_full_name(),
        "is_active": user.is_active,
        "is_staff": user.is_staff,
        "is_superuser": user.is_superuser,
        "roles": sorted(user.groups.values_list("name", flat=True)),
    }


def _record(
    request: HttpRequest,
    user: User,
    action: str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    record_action(
        principal=request_principal(request), action=action, target_type="user", target_uid=str(user.pk),
        target_name=user.username, before=before, after=after,
    )  # fmt: skip

"""Audit, tokens and users in the Django admin."""

import datetime as dt
import json
from copy import copy
from typing import Any, ClassVar

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

from core.admin_services import (
    DjangoPasswordForm,
    DjangoUserAdmin,
    DjangoUserForm,
    ModelAdmin,
    PermittedByRole,
    ServiceForm,
    rehearse,
    show_error,
    telling_conflicts,
)
from core.authentication import request_principal
from core.clock import Moment
from core.durations import parse_duration_ms
from core.models import ApiToken, AuditEntry
from core.permissions import Permission, Principal
from core.tokens import NewToken, create_token, revoke_token
from core.users import create_user, delete_users, set_password, update_user

admin.site.site_header = admin.site.site_title = "Quarterdeck"
admin.site.index_title = "Administration"
admin.site.site_url = None  # the templates link to the dashboard
admin.site.unregister(Group)
admin.site.unregister(User)

_ACCESS_HELP = {
    "is_active": "Whether they can sign in at all. Take it away instead of deleting who is in the audit.",
    "groups": "What they may do: viewer, operator, editor or admin (docs/roles.md). Without one: nothing.",
    "is_staff": "Opens this admin to them. What they see and change in it follows from their roles.",
    "is_superuser": "Every permission, whatever their roles. It does not open this admin: staff status does.",
}

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


class UserForm(DjangoUserForm):
    principal: ClassVar[Principal]

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # it is Django's
        if not self.errors and (error := rehearse(self.write)):
            show_error(self, error)

    def write(self) -> None:
        update_user(principal=self.principal, user=self.instance, roles=self.cleaned_data["groups"])


class PasswordForm(DjangoPasswordForm):
    principal: ClassVar[Principal]

    def save(self, commit: bool = True) -> Any:  # noqa: ARG002 - the signature is Django's
        password = self.cleaned_data["password1"] if self.cleaned_data["set_usable_password"] else None
        set_password(principal=self.principal, user=self.user, password=password)
        return self.user


@admin.register(User)
class AuditedUserAdmin(PermittedByRole, DjangoUserAdmin):
    """Django's own, for those who manage access, written through ``core.users``. Groups are the roles."""

    view_permission = edit_permission = Permission.ACCESS_MANAGE
    form = UserForm
    list_display = ["username", "email", "role_names", "is_staff", "is_superuser", "is_active", "last_login"]
    list_filter = ["is_active", "is_staff", "is_superuser", "groups"]
    filter_horizontal = []
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        ("Person", {"fields": ["first_name", "last_name", "email"]}),
        ("Access", {"fields": ["is_active", "groups", "is_staff", "is_superuser"]}),
        ("Dates", {"fields": ["last_login", "date_joined"]}),
    ]
    readonly_fields = ["last_login", "date_joined"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups")

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, *args, **kwargs)
        form.principal = request_principal(request)
        return form

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and db_field.name in _ACCESS_HELP:
            field.help_text = _ACCESS_HELP[db_field.name]
        if field is not None and db_field.name == "groups":
            field.label = "Roles"
        return field

    @admin.display(description="Roles")
    def role_names(self, user: User) -> str:
        return ", ".join(sorted(group.name for group in user.groups.all()))

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if change:
            form.write()
        else:
            create_user(principal=request_principal(request), user=obj)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Nothing: ``save_model`` wrote the roles as well."""

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        delete_users(principal=request_principal(request), users=[obj])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        delete_users(principal=request_principal(request), users=queryset)

    @telling_conflicts
    def delete_view(self, *args: Any, **kwargs: Any) -> Any:
        return super().delete_view(*args, **kwargs)

    @telling_conflicts
    def changelist_view(self, *args: Any, **kwargs: Any) -> Any:
        return super().changelist_view(*args, **kwargs)

    @telling_conflicts
    def user_change_password(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        mine = copy(self)  # Django hands the form no request
        mine.change_password_form = type("PasswordForm", (PasswordForm,), {"principal": request_principal(request)})
        return super(AuditedUserAdmin, mine).user_change_password(request, *args, **kwargs)

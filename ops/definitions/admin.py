"""Definitions in the Django admin: read without secrets by those who may view, written through the services."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from core.admin_services import ModelAdmin, PermittedByRole, show_moment
from core.authentication import request_principal
from core.permissions import Permission
from core.revision import changing
from ops.definitions.admin_forms import WholeForm, as_yaml
from ops.definitions.models import Defined

_ASKED = ["entity", "name", "kind", "config", "paused", "expected_version"]
_SHOWN = ["entity", "name", "kind", "paused", "definition"]
_RECORD = ["uid", "version", "created_at", "updated_at"]


class KindFilter(admin.SimpleListFilter):
    """Of the kinds that are installed."""

    title = parameter_name = "kind"

    def lookups(self, _request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in model_admin.form.writer.definitions.kinds.names()]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


class DefinedAdmin(PermittedByRole, ModelAdmin):
    """``settings`` are the fieldsets that are asked for, below what every definition has. ``state_fields`` tell what
    came of it, ``keys`` what lets somebody in, hence to editors alone. ``goes_along`` is what is deleted with one.
    """

    view_permission = Permission.CATALOG_VIEW
    edit_permission = Permission.CATALOG_EDIT
    form: type[WholeForm]
    settings: ClassVar[list[tuple[str, dict[str, Any]]]] = []
    state_fields: ClassVar[list[str]] = []
    keys: ClassVar[list[str]] = []
    goes_along: ClassVar[str]
    list_select_related = ["entity", "state"]
    search_fields = ["name", "entity__name", "entity__title", "uid"]
    ordering = ["entity__name", "name"]
    autocomplete_fields = ["entity"]

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, *args, **kwargs)
        form.principal = request_principal(request)
        return form

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        record = ("Record", {"fields": _RECORD})
        if not self.has_change_permission(request):
            return [(None, {"fields": _SHOWN}), ("State", {"fields": self.state_fields}), record]
        asked = [(None, {"fields": _ASKED}), *self.settings]
        return [*asked, ("State", {"fields": [*self.state_fields, *self.keys]}), record] if obj else asked

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if not self.has_change_permission(request):
            return [*_SHOWN, *self.state_fields, *_RECORD]
        return [*self.state_fields, *self.keys, *_RECORD, *(["entity"] if obj else [])]

    @admin.display(description="Definition")
    def definition(self, row: Any) -> str:
        """Anybody who may view it reads this, hence without anything that may be secret."""
        definitions = self.form.writer.definitions
        shown = definitions.mask_document(definitions.document_of(row), kind=row.kind)
        return format_html("<pre>{}</pre>", as_yaml({name: item for name, item in shown.items() if item is not None}))

    @admin.display(description="Last result", ordering="state__last_at_ms")
    def last_result(self, row: Any) -> str | None:
        at_ms = row.state.last_at_ms
        return None if at_ms is None else show_moment(at_ms)

    def save_model(self, _request: HttpRequest, obj: Any, form: Any, _change: Any) -> None:
        obj.pk = form.save_through_services().id
        obj.refresh_from_db()

    def get_deleted_objects(
        self, objs: Iterable[Defined], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        noun = self.form.writer.definitions.noun
        rows = list(objs)
        denied = set() if self.has_delete_permission(request) else {noun}
        going = [f"{noun.capitalize()} {row.name} with {self.goes_along}" for row in rows]
        return going, {f"{noun}s": len(rows)}, denied, []

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.form.writer.delete(principal=request_principal(request), uid=obj.uid)

    @changing()
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset:
            self.delete_model(request, row)

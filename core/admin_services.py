"""The Django admin on top of services: permissions come from roles, writes and their rules from the services.

A form rehearses its write while it is validated (``rehearse``): the service runs and is rolled back, so that whatever
it refuses becomes an error of the form. The write itself follows in ``save_model`` or ``save_related``.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import BaseModelAdmin
from django.contrib.admin.widgets import AutocompleteSelect
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, UserChangeForm
from django.contrib.auth.models import User
from django.core.exceptions import BadRequest
from django.db import transaction
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.formats import localize

from core.authentication import request_principal
from core.clock import from_ms
from core.errors import Conflict, QuarterdeckError
from core.permissions import Permission, Principal

if TYPE_CHECKING:  # generic for the type checker alone
    AnyAdmin = BaseModelAdmin[Any]
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
    ModelForm = forms.ModelForm[Any]
    InlineFormSet = BaseInlineFormSet[Any, Any, Any]
    DjangoUserAdmin = UserAdmin[Any]
    DjangoUserForm = UserChangeForm[User]
    DjangoPasswordForm = AdminPasswordChangeForm[User]
else:
    AnyAdmin, ModelAdmin, TabularInline = BaseModelAdmin, admin.ModelAdmin, admin.TabularInline
    ModelForm = forms.ModelForm
    InlineFormSet, DjangoUserAdmin = BaseInlineFormSet, UserAdmin
    DjangoUserForm, DjangoPasswordForm = UserChangeForm, AdminPasswordChangeForm


class StoredSelect(AutocompleteSelect):
    """Django's own asks the database for whatever was sent, which fails for what no key can be."""

    def optgroups(self, name: str, value: Sequence[Any], attrs: dict[str, Any] | None = None) -> Any:
        return super().optgroups(
            name, [key for key in value if not isinstance(key, str) or self._is_stored(key)], attrs
        )

    def _is_stored(self, key: str) -> bool:
        try:
            return self.choices.field.to_python(key) is not None
        except forms.ValidationError:
            return False


_FILTERED_BY = ("", "__exact", "__id__exact", "__isnull", "__isempty", "__gte", "__lt")
"""What Django's filters append to the path of their field."""


class PermittedByRole(AnyAdmin):
    """For a ``ModelAdmin`` or an inline: who holds ``view_permission`` sees, who holds ``edit_permission`` writes."""

    view_permission: ClassVar[Permission]
    edit_permission: ClassVar[Permission | None]
    """None: nobody writes here."""
    linked_by: ClassVar[Sequence[str]] = ()
    """Fields that a link of ours narrows the list by, besides those of ``list_filter``."""

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:  # noqa: ARG002
        """Django allows any lookup of any own column: guessing by ``startswith`` would tell what a page masks, and a
        ``regex`` would run in the database. No text there holds a NUL, and PostgreSQL takes none.
        """
        filters = [item[0] if isinstance(item, tuple) else item for item in getattr(self, "list_filter", ())]
        paths = [*self.linked_by, *(getattr(item, "parameter_name", item) for item in filters)]
        return lookup in {f"{path}{ending}" for path in paths for ending in _FILTERED_BY} and "\0" not in value

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs.setdefault("widget", StoredSelect(db_field, self.admin_site))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def response_action(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Of a list: Django looks up whatever was sent as selected, which fails for what no key can be."""
        try:
            for sent in request.POST.getlist(ACTION_CHECKBOX_NAME):
                self.opts.pk.clean(sent, None)
        except forms.ValidationError as error:
            raise BadRequest("What was selected is no key") from error
        return super().response_action(request, *args, **kwargs)  # type: ignore[misc]  # an inline has none

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request_principal(request).may(self.view_permission)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return request_principal(request).may(self.view_permission)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return self.edit_permission is not None and request_principal(request).may(self.edit_permission)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return self.has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return self.has_change_permission(request)


def show_moment(at_ms: int) -> str:
    """As text: of a date that no column holds, the page of one row would show microseconds."""
    return localize(from_ms(at_ms))


class VersionField(forms.IntegerField):
    """The version that the form was shown with, to be named ``expected_version``. Nobody typed it."""

    def __init__(self) -> None:
        super().__init__(required=False, widget=forms.HiddenInput)

    def has_changed(self, initial: Any, data: Any) -> bool:  # noqa: ARG002
        return False


class ServiceForm(ModelForm):
    """A form whose admin sets ``principal`` on its class for each request."""

    principal: ClassVar[Principal]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and "expected_version" in self.fields:
            self.fields["expected_version"].initial = self.instance.version


def rehearse(write: Callable[[], object]) -> QuarterdeckError | None:
    """Run ``write`` and undo it; what it raised, if anything."""
    try:
        with transaction.atomic():
            write()
            transaction.set_rollback(True)
    except QuarterdeckError as error:
        return error
    return None


def show_error(form: forms.Form | ModelForm, error: QuarterdeckError) -> None:
    """Put the error beside the fields that it names; what names no field of the form stands above it."""
    for wrong in error.errors:
        name, _, rest = wrong.field.partition(".")
        if name in form.fields:
            form.add_error(name, f"{rest}: {wrong.message}" if rest else wrong.message)
        else:
            form.add_error(None, str(wrong))
    if not error.errors:
        form.add_error(None, error.message)


def telling_conflicts[**P](view: Callable[P, HttpResponse]) -> Callable[P, HttpResponse]:
    """For a view of an admin that has no form to rehearse in: what a service refuses undoes all, and is told."""

    @wraps(view)
    def told(*args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        request = next(item for item in args if isinstance(item, HttpRequest))
        if request.method != "POST":
            return view(*args, **kwargs)
        try:
            with transaction.atomic():
                return view(*args, **kwargs)
        except Conflict as error:
            messages.error(request, error.message)
            return redirect(request.get_full_path())

    return told

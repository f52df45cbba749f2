"""The catalogue in the Django admin, written through the services."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from core.admin_services import ModelAdmin, PermittedByRole, TabularInline
from core.authentication import request_principal
from core.permissions import Permission
from core.revision import changing
from entities.admin_forms import DependencyFormSet, EntityForm, TeamForm
from entities.models import Dependency, Entity, Team
from entities.services import delete_entities
from entities.teams import delete_team


class DependencyInline(PermittedByRole, TabularInline):
    view_permission = Permission.CATALOG_VIEW
    edit_permission = Permission.CATALOG_EDIT
    model = Dependency
    formset = DependencyFormSet
    fk_name = "entity"
    fields = ["depends_on", "strength"]
    autocomplete_fields = ["depends_on"]
    extra = 1
    verbose_name_plural = "depends on"


class CatalogueAdmin(PermittedByRole, ModelAdmin):
    view_permission = Permission.CATALOG_VIEW
    edit_permission = Permission.CATALOG_EDIT

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, *args, **kwargs)
        form.principal = request_principal(request)
        return form


@admin.register(Entity)
class EntityAdmin(CatalogueAdmin):
    """Slices extend ``inlines``.

    An inline whose formset has ``save_through_services(*, principal, entity)`` is saved by that, with the stored
    ``Entity``, after the entity itself and in the same transaction; such a formset should rehearse in ``clean``.
    """

    form = EntityForm
    inlines = [DependencyInline]
    list_display = ["name", "kind", "title", "team", "tier", "environment", "lifecycle", "updated_at"]
    list_filter = ["kind", "team", "tier", "environment", "lifecycle"]
    list_select_related = ["team"]
    search_fields = ["name", "title", "description", "uid"]
    ordering = ["name"]
    readonly_fields = ["uid", "version", "created_at", "updated_at"]
    fieldsets = [
        (None, {"fields": ["name", "kind", "title", "description", "expected_version"]}),
        ("Where it belongs", {"fields": ["team", "tier", "environment", "lifecycle", "labels", "links"]}),
        ("Record", {"fields": ["uid", "version", "created_at", "updated_at"]}),
    ]

    def get_fieldsets(self, request: HttpRequest, obj: Entity | None = None) -> Any:  # noqa: ARG002
        """A new one has no record yet: the form would show an id that it will not get."""
        return self.fieldsets if obj else self.fieldsets[:-1]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        """Nothing: ``save_related`` writes the entity and its dependencies as one change."""

    @changing()
    def save_related(self, request: HttpRequest, form: EntityForm, formsets: Any, change: Any) -> None:
        needs = next((formset for formset in formsets if isinstance(formset, DependencyFormSet)), None)
        saved = form.write(depends_on=needs.depends_on() if needs else None)
        form.instance.pk = saved.id
        form.instance.refresh_from_db()
        for formset in formsets:
            # What Django's history reads; it calls nothing of a formset that is saved elsewhere.
            formset.new_objects, formset.changed_objects, formset.deleted_objects = [], [], []
            self.save_formset(request, form, formset, change)

    def save_formset(self, request: HttpRequest, form: EntityForm, formset: Any, change: Any) -> None:
        if hasattr(formset, "save_through_services"):
            formset.save_through_services(principal=request_principal(request), entity=form.instance)
        elif not isinstance(formset, DependencyFormSet):
            super().save_formset(request, form, formset, change)

    def get_deleted_objects(
        self, objs: Iterable[Entity], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """What goes, and what forbids it, as the service sees it."""
        ids = [entity.pk for entity in objs]
        needs = Dependency.objects.filter(depends_on__in=ids).exclude(entity__in=ids)
        protected = [f"{dependant} needs {name}" for dependant, name in _names(needs)]
        denied = set() if self.has_delete_permission(request) else {"entity"}
        return [f"Entity {entity.name} with its checks" for entity in objs], {"entities": len(ids)}, denied, protected

    @changing()
    def delete_model(self, request: HttpRequest, obj: Entity) -> None:
        delete_entities(principal=request_principal(request), refs=[obj.uid])

    @changing()
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Entity]) -> None:
        delete_entities(principal=request_principal(request), refs=list(queryset.values_list("uid", flat=True)))

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """The audit knows more than Django's own history: changes by programs and files, before and after."""
        entity = Entity.objects.filter(pk=object_id).first() if object_id.isdigit() else None
        if entity is None:
            return super().history_view(request, object_id, extra_context)
        return redirect(f"{reverse('admin:core_auditentry_changelist')}?{urlencode({'q': entity.uid})}")


def _names(needs: QuerySet[Dependency]) -> Iterable[tuple[str, str]]:
    return needs.order_by("depends_on__name", "entity__name").values_list("entity__name", "depends_on__name")


@admin.register(Team)
class TeamAdmin(CatalogueAdmin):
    form = TeamForm
    list_display = ["name", "title", "members"]
    search_fields = ["name", "title"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Team]:
        teams: QuerySet[Team] = super().get_queryset(request)
        return teams.annotate(member_count=Count("entities"))

    @admin.display(description="Entities", ordering="member_count")
    def members(self, team: Any) -> int:
        return int(team.member_count)

    def save_model(self, request: HttpRequest, obj: Team, form: TeamForm, change: Any) -> None:  # noqa: ARG002
        form.write()
        obj.pk = Team.objects.values_list("pk", flat=True).get(name=obj.name)

    def get_deleted_objects(
        self, objs: Iterable[Team], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        teams = list(objs)
        members = Entity.objects.filter(team__in=teams).order_by("name")
        denied = set() if self.has_delete_permission(request) else {"team"}
        return (
            [f"Team {team.name}" for team in teams],
            {"teams": len(teams)},
            denied,
            [f"entity {entity.name}" for entity in members],
        )

    def delete_model(self, request: HttpRequest, obj: Team) -> None:
        delete_team(principal=request_principal(request), name=obj.name)

    @changing()
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Team]) -> None:
        for team in queryset:
            delete_team(principal=request_principal(request), name=team.name)

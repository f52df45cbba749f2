"""Forms of the catalogue: add, change and delete an entity. Pages that show entities compose in ``ops.dashboard``."""

from dataclasses import replace

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from core.authentication import request_principal
from core.errors import Conflict, QuarterdeckError, StaleVersion, ValidationFailed
from core.form_fields import FilledForm, fill
from core.pages import ask_to_delete
from core.permissions import Permission, requires
from core.problems import problem_of
from core.stale_edits import read_stale_edit, read_version
from core.validation import SUMMARY
from entities.definition import EntityDefinition
from entities.entity_form import entity_fields, judge_entity_form, write_entity_form
from entities.models import Entity
from entities.selectors import definition_of, find_entity, stored_entities
from entities.services import create_entity, delete_entity, replace_entity

_SHOWN_IN_FORM = (ValidationFailed, Conflict)


@requires(Permission.CATALOG_EDIT)
@require_http_methods(["GET", "POST"])
def entity_create(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return _show_form(request, fill(entity_fields(), request.GET.dict()))
    try:
        definition = _typed(request.POST)
        entity = create_entity(principal=request_principal(request), definition=definition)
    except _SHOWN_IN_FORM as error:
        return _show_refusal(request, error)
    messages.success(request, f"Added {entity.name}")
    return redirect("entity-detail", entity.name)


@requires(Permission.CATALOG_EDIT)
@require_http_methods(["GET", "POST"])
def entity_edit(request: HttpRequest, name: str) -> HttpResponse:
    entity = find_entity(name, queryset=stored_entities())
    if request.method != "POST":
        form = fill(entity_fields(), write_entity_form(definition_of(entity)))
        return _show_form(request, form, name=name, version=str(entity.version))
    version, over = request.POST.get("version", ""), request.POST.get("over", "")
    try:
        definition = _typed(request.POST, stored=entity)
        saved = replace_entity(
            principal=request_principal(request),
            ref=name,
            definition=definition,
            expected_version=read_version(over or version),
        )
    except StaleVersion as error:
        return _show_form(request, _stale_form(request, name, version), name=name, version=version, error=error)
    except _SHOWN_IN_FORM as error:
        return _show_refusal(request, error, name=name, version=version)
    messages.success(request, f"Saved {saved.name}" if saved.changed else "Nothing was changed")
    return redirect("entity-detail", saved.name)


@requires(Permission.CATALOG_EDIT)
@require_http_methods(["GET", "POST"])
def entity_delete(request: HttpRequest, name: str) -> HttpResponse:
    entity, principal = find_entity(name), request_principal(request)
    dependants = list(entity.dependants.order_by("entity__name").values_list("entity__name", flat=True))
    page = reverse("entity-detail", args=[entity.name])
    return ask_to_delete(
        request,
        name=entity.name,
        loss="This deletes the entity, its checks and their results.",
        delete=lambda: delete_entity(principal=principal, ref=entity.uid),
        leads_to=reverse("entity-list"),
        cancel_url=page,
        context={
            "section": "entities",
            "crumbs": [("Entities", reverse("entity-list")), (entity.name, page)],
            "dependants": dependants,
        },
        template="entities/entity_delete.html",
    )


def _typed(form: QueryDict, *, stored: Entity | None = None) -> EntityDefinition:
    """Raises ``ValidationFailed`` with all that is wrong."""
    definition, errors = judge_entity_form(form, stored=stored)
    if definition is None or errors:
        raise ValidationFailed(SUMMARY, errors=errors)
    return definition


def _show_refusal(
    request: HttpRequest, error: ValidationFailed | Conflict, *, name: str = "", version: str = ""
) -> HttpResponse:
    form = fill(entity_fields(), request.POST.dict(), error.errors, message=error.message)
    return _show_form(request, form, name=name, version=version, error=error)


def _stale_form(request: HttpRequest, name: str, version: str) -> FilledForm:
    """What was typed, beside what somebody else saved since ``version``."""
    entity = find_entity(name, queryset=stored_entities())
    typed = fill(entity_fields(), request.POST.dict())
    stale = read_stale_edit(
        target_type="entity",
        target_uid=entity.uid,
        begun_at=read_version(version),
        version=entity.version,
        typed=typed,
        stored=fill(entity_fields(), write_entity_form(definition_of(entity))),
    )
    return replace(typed, stale=stale)


def _show_form(
    request: HttpRequest,
    form: FilledForm,
    *,
    name: str = "",
    version: str = "",
    error: QuarterdeckError | None = None,
) -> HttpResponse:
    status = problem_of(error).status if error else 200
    context = {"section": "entities", "form": form, "name": name, "version": version}
    return render(request, "entities/entity_form.html", context, status=status)

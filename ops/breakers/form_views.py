"""The forms of sources of breakers: choose a kind, fill in, be told at once what is wrong, try, save; and their end."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from core.authentication import request_principal
from core.errors import Conflict, NotFound, RateLimited, ValidationFailed
from core.form_fields import MORE, FilledForm
from core.permissions import Permission, requires
from core.problems import problem_of
from ops.breakers import services
from ops.breakers.definition import CommonFields, definition_of
from ops.breakers.models import BreakerSource
from ops.breakers.selectors import find_source
from ops.breakers.source_form import SOURCES_OF_BREAKERS, source_choices
from ops.breakers.sources import SOURCES
from ops.breakers.sources.source import BreakerSourceKind
from ops.breakers.trials import try_source
from ops.probing.form_fields import OWN, kind_choice
from ops.probing.sheet import SHOWN_IN_FORM, Refusal, Sheet, kept_query, no_such_entity

type SourceSheet = Sheet[CommonFields, BreakerSourceKind, BreakerSource]


@requires(Permission.CATALOG_EDIT)
@require_http_methods(["GET", "POST"])
def source_create(request: HttpRequest) -> HttpResponse:
    """Without a kind, the choice of one."""
    typed = request.POST if request.method == "POST" else request.GET
    kind = SOURCES.get(typed.get("kind", ""))
    if kind is None:
        context = {"section": "breakers", "kinds": source_choices(), "list_url": reverse("breaker-list")}
        named = {"what": "source of breakers", "list_name": "Breakers"}
        return render(request, "kind_picker.html", {**context, **named, "kept": kept_query(typed)})
    sheet = Sheet(SOURCES_OF_BREAKERS, kind)
    if request.method != "POST":
        return _show_form(request, sheet, sheet.begun(typed))
    try:
        saved = services.create_source(
            principal=request_principal(request), entity_ref=sheet.entity_of(typed), definition=sheet.definition(typed)
        )
    except NotFound as error:
        return _show_refusal(request, sheet, no_such_entity(error))
    except SHOWN_IN_FORM as error:
        return _show_refusal(request, sheet, error)
    messages.success(request, f"Added {saved.name}; it is looked at within seconds")
    return redirect("entity-detail", sheet.entity_of(typed))


@requires(Permission.CATALOG_EDIT)
@require_POST
def source_switch_kind(request: HttpRequest) -> HttpResponse:
    """The form of another kind with what was typed so far, which may be secret and hence stays out of addresses."""
    sheet = _sheet_of(request)
    response = _show_form(request, sheet, sheet.begun(request.POST), template="#form")
    response["HX-Replace-Url"] = f"{reverse('breaker-source-create')}?{kept_query(request.POST, kind=sheet.kind.name)}"
    return response


@requires(Permission.CATALOG_EDIT)
@require_http_methods(["GET", "POST"])
def source_edit(request: HttpRequest, uid: str) -> HttpResponse:
    source = find_source(uid)
    definition = definition_of(source)
    if request.method != "POST":
        sheet = Sheet(SOURCES_OF_BREAKERS, definition.kind, source, str(source.version))
        return _show_form(request, sheet, sheet.written(definition))
    sheet = Sheet(SOURCES_OF_BREAKERS, definition.kind, source, request.POST.get("version", ""))
    try:
        saved = services.replace_source(
            principal=request_principal(request),
            uid=uid,
            definition=sheet.definition(request.POST),
            expected_version=sheet.expected_version,
        )
    except SHOWN_IN_FORM as error:
        return _show_refusal(request, sheet, error)
    messages.success(request, f"Saved {saved.name}" if saved.action else "Nothing was changed")
    return redirect("entity-detail", source.entity.name)


@requires(Permission.CATALOG_EDIT)
@require_POST
def source_field(request: HttpRequest) -> HttpResponse:
    """What is wrong with one field of a form as it stands, or how its value reads; for the note beside it."""
    field = _sheet_of(request).field(request.POST, request.GET.get("field", ""))
    return render(request, "components/_note.html", {"field": field})


@requires(Permission.CATALOG_EDIT)
@require_POST
def source_try(request: HttpRequest) -> HttpResponse:
    """Look once as the form says, and show what was seen; a form with errors is answered with these alone."""
    sheet = _sheet_of(request)
    definition, errors = sheet.judge(request.POST)
    context: dict[str, object] = {"form": sheet.filled(request.POST, errors)}
    status = 200
    if definition is not None and not errors:
        entity_ref, principal = sheet.entity_of(request.POST), request_principal(request)
        try:
            context["trial"] = try_source(
                principal=principal, entity_ref=entity_ref, definition=definition, stored=sheet.stored
            )
        except (ValidationFailed, Conflict, RateLimited) as error:
            context["refusal"], status = error.message, problem_of(error).status
    return render(request, "ops/breakers/trial.html", context, status=status)


@requires(Permission.CATALOG_EDIT)
@require_http_methods(["GET", "POST"])
def source_delete(request: HttpRequest, uid: str) -> HttpResponse:
    source = find_source(uid)
    error = ""
    if request.method == "POST":
        if request.POST.get("confirm", "").strip() == source.name:
            services.delete_source(principal=request_principal(request), uid=uid)
            messages.success(request, f"Deleted {source.name}")
            return redirect("entity-detail", source.entity.name)
        error = f"Type {source.name} to confirm."
    context = {"section": "breakers", "source": source, "error": error, "typed": request.POST.get("confirm", "")}
    return render(request, "ops/breakers/source_delete.html", context, status=422 if error else 200)


def _sheet_of(request: HttpRequest) -> SourceSheet:
    uid = request.POST.get("editing", "")
    source = find_source(uid) if uid else None
    kind = SOURCES.get(source.kind if source else request.POST.get("kind", ""))
    if kind is None:
        raise NotFound("There is no such kind of source")
    return Sheet(SOURCES_OF_BREAKERS, kind, source)


def _show_refusal(request: HttpRequest, sheet: SourceSheet, error: Refusal) -> HttpResponse:
    return _show_form(request, sheet, sheet.refused(request.POST, error), status=problem_of(error).status)


def _show_form(
    request: HttpRequest, sheet: SourceSheet, form: FilledForm, *, status: int = 200, template: str = ""
) -> HttpResponse:
    context = {
        "section": "breakers",
        "form": form,
        "own": form.section(OWN),
        "more": form.section(MORE),
        "kind": kind_choice(sheet.kind.name, sheet.kind.Config),
        "kinds": source_choices(),
        "source": sheet.stored,
        "version": sheet.version,
        "field_url": reverse("breaker-source-field"),
    }
    return render(request, f"ops/breakers/source_form.html{template}", context, status=status)

"""The forms of checks: choose a kind, fill in, be told at once what is wrong, try, save."""

from dataclasses import replace

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from core.authentication import request_principal
from core.errors import Conflict, NotFound, RateLimited, ValidationFailed
from core.form_fields import MORE, FilledForm, FormField
from core.permissions import Permission, requires
from core.problems import problem_of
from ops.health.check_fields import RHYTHM, kind_choices
from ops.health.check_form import CHECKS, find_marks
from ops.health.checks import KINDS
from ops.health.checks.kind import CheckKind
from ops.health.definition import CommonFields, definition_of
from ops.health.models import Check
from ops.health.services import create_check, replace_check
from ops.health.trial_display import show_trial
from ops.health.trials import try_check
from ops.probing.form_fields import OWN, kind_choice
from ops.probing.sheet import SHOWN_IN_FORM, Refusal, Sheet, kept_query, no_such_entity

type CheckSheet = Sheet[CommonFields, CheckKind, Check]


@requires(Permission.CATALOG_EDIT)
@require_http_methods(["GET", "POST"])
def check_create(request: HttpRequest) -> HttpResponse:
    """Without a kind, the choice of one."""
    typed = request.POST if request.method == "POST" else request.GET
    kind = KINDS.get(typed.get("kind", ""))
    if kind is None:
        context = {"section": "checks", "kinds": kind_choices(), "list_url": reverse("check-list")}
        return render(request, "kind_picker.html", {**context, "kept": kept_query(typed), "what": "check"})
    sheet = Sheet(CHECKS, kind)
    if request.method != "POST":
        return _show_form(request, sheet, sheet.begun(typed))
    try:
        saved = create_check(
            principal=request_principal(request),
            entity_ref=sheet.entity_of(typed),
            definition=sheet.definition(typed),
        )
    except NotFound as error:
        return _show_refusal(request, sheet, no_such_entity(error))
    except SHOWN_IN_FORM as error:
        return _show_refusal(request, sheet, error)
    messages.success(request, f"Added {saved.name}; its first result comes within seconds")
    return redirect("check-detail", saved.uid)


@requires(Permission.CATALOG_EDIT)
@require_POST
def check_switch_kind(request: HttpRequest) -> HttpResponse:
    """The form of another kind with what was typed so far, which may be secret and hence stays out of addresses."""
    sheet = _sheet_of(request)
    response = _show_form(request, sheet, sheet.begun(request.POST), template="#form")
    response["HX-Replace-Url"] = f"{reverse('check-create')}?{kept_query(request.POST, kind=sheet.kind.name)}"
    return response


@requires(Permission.CATALOG_EDIT)
@require_http_methods(["GET", "POST"])
def check_edit(request: HttpRequest, uid: str) -> HttpResponse:
    check = find_check(uid)
    definition = definition_of(check)
    if request.method != "POST":
        sheet = Sheet(CHECKS, definition.kind, check, str(check.version))
        return _show_form(request, sheet, sheet.written(definition))
    sheet = Sheet(CHECKS, definition.kind, check, request.POST.get("version", ""))
    try:
        saved = replace_check(
            principal=request_principal(request),
            uid=uid,
            definition=sheet.definition(request.POST),
            expected_version=sheet.expected_version,
        )
    except SHOWN_IN_FORM as error:
        return _show_refusal(request, sheet, error)
    messages.success(request, f"Saved {saved.name}" if saved.action else "Nothing was changed")
    return redirect("check-detail", uid)


@requires(Permission.CATALOG_EDIT)
@require_POST
def check_field(request: HttpRequest) -> HttpResponse:
    """What is wrong with one field of a form as it stands, or how its value reads; for the note beside it."""
    sheet = _sheet_of(request)
    field = _with_marks(sheet.field(request.POST, request.GET.get("field", "")), sheet)
    return render(request, "components/_note.html", {"field": field})


@requires(Permission.CATALOG_EDIT)
@require_POST
def check_try(request: HttpRequest) -> HttpResponse:
    """Probe once what the form says, and show what came of it below; the notes beside the fields follow.

    A form with errors is answered like ``check_field``, since telling them is what was asked for.
    """
    sheet = _sheet_of(request)
    definition, errors = sheet.judge(request.POST)
    form = _marked(sheet.filled(request.POST, errors), sheet)
    context: dict[str, object] = {"form": form}
    status = 200
    if definition is not None and not errors:
        try:
            trial = try_check(
                principal=request_principal(request),
                entity_ref=sheet.entity_of(request.POST),
                definition=definition,
                stored=sheet.stored,
            )
            context["trial"] = show_trial(trial)
        except (ValidationFailed, Conflict, RateLimited) as error:
            context["refusal"], status = error.message, problem_of(error).status
    return render(request, "ops/health/trial.html", context, status=status)


def find_check(uid: str) -> Check:
    """Raises ``NotFound``."""
    check = None if "\0" in uid else Check.objects.select_related("entity").filter(uid=uid).first()
    if check is None:
        raise NotFound(f"There is no check {uid[:80]!r}")
    return check


def _sheet_of(request: HttpRequest) -> CheckSheet:
    uid = request.POST.get("editing", "")
    check = find_check(uid) if uid else None
    kind = KINDS.get(check.kind if check else request.POST.get("kind", ""))
    if kind is None:
        raise NotFound("There is no such kind of check")
    return Sheet(CHECKS, kind, check)


def _marked(form: FilledForm, sheet: CheckSheet) -> FilledForm:
    return replace(form, fields=tuple(_with_marks(field, sheet) for field in form.fields))


def _with_marks(field: FormField, sheet: CheckSheet) -> FormField:
    return replace(field, marks=find_marks(field, sheet.kind))


def _show_refusal(request: HttpRequest, sheet: CheckSheet, error: Refusal) -> HttpResponse:
    form = _marked(sheet.refused(request.POST, error), sheet)
    return _show_form(request, sheet, form, status=problem_of(error).status)


def _show_form(
    request: HttpRequest, sheet: CheckSheet, form: FilledForm, *, status: int = 200, template: str = ""
) -> HttpResponse:
    context = {
        "section": "checks",
        "form": form,
        "own": form.section(OWN),
        "rhythm": form.section(RHYTHM),
        "more": form.section(MORE),
        "kind": kind_choice(sheet.kind.name, sheet.kind.Config),
        "kinds": kind_choices(),
        "check": sheet.stored,
        "version": sheet.version,
        "field_url": reverse("check-field"),
    }
    return render(request, f"ops/health/check_form.html{template}", context, status=status)

"""Forms and actions of checks. Pages that show checks compose in ``ops.dashboard``."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from core.authentication import request_principal
from core.errors import Conflict, FieldError, NotFound, StaleVersion, ValidationFailed
from core.form_fields import FilledForm, FormField, fill
from core.pages import acted
from core.permissions import Permission, requires
from core.problems import STATUS_OF
from entities.models import Entity
from ops.health.check_form import check_fields, kind_choices, read_check_form, write_check_form
from ops.health.checks import KINDS
from ops.health.checks.kind import CheckKind
from ops.health.definition import definition_of, parse_check
from ops.health.models import Check
from ops.health.services import create_check, delete_check, pause_check, replace_check, resume_check, run_check_now

_SHOWN_IN_FORM = (ValidationFailed, Conflict, StaleVersion)
SUGGESTED_ENTITIES = 500


@requires(Permission.CATALOG_EDIT)
@require_http_methods(["GET", "POST"])
def check_create(request: HttpRequest) -> HttpResponse:
    """Choosing another kind asks for the form again with what was typed so far, in the address."""
    typed = request.POST if request.method == "POST" else request.GET
    kind = KINDS.get(typed.get("kind", "")) or KINDS.get("http")
    assert kind is not None
    if request.method != "POST":
        return _show_form(request, fill(_fields(kind, with_entity=True), typed.dict()), kind=kind)
    entity = typed.get("entity", "").strip()
    try:
        definition = parse_check(read_check_form(typed, kind))
        saved = create_check(principal=request_principal(request), entity_ref=entity, definition=definition)
    except NotFound as error:
        wrong = ValidationFailed(error.message, errors=(FieldError("entity", error.message),))
        return _show_refusal(request, wrong, kind=kind)
    except _SHOWN_IN_FORM as error:
        return _show_refusal(request, error, kind=kind)
    messages.success(request, f"Added {saved.name}; its first result comes within seconds")
    return redirect("check-detail", saved.uid)


@requires(Permission.CATALOG_EDIT)
@require_http_methods(["GET", "POST"])
def check_edit(request: HttpRequest, uid: str) -> HttpResponse:
    check = _find(uid)
    definition = definition_of(check)
    kind = definition.check_kind
    if request.method != "POST":
        form = fill(_fields(kind), write_check_form(definition))
        return _show_form(request, form, kind=kind, check=check, version=str(check.version))
    version = request.POST.get("version", "")
    try:
        changed = parse_check({**read_check_form(request.POST, kind), "paused": check.paused})
        saved = replace_check(
            principal=request_principal(request),
            uid=uid,
            definition=changed,
            expected_version=int(version) if version.isascii() and version.isdigit() and len(version) < 10 else None,
        )
    except _SHOWN_IN_FORM as error:
        return _show_refusal(request, error, kind=kind, check=check, version=version)
    messages.success(request, f"Saved {saved.name}" if saved.action else "Nothing was changed")
    return redirect("check-detail", uid)


@requires(Permission.CATALOG_EDIT)
@require_http_methods(["GET", "POST"])
def check_delete(request: HttpRequest, uid: str) -> HttpResponse:
    check = _find(uid)
    error = ""
    if request.method == "POST":
        if request.POST.get("confirm", "").strip() == check.name:
            entity = check.entity.name
            delete_check(principal=request_principal(request), uid=uid)
            messages.success(request, f"Deleted {check.name}")
            return redirect("entity-detail", entity)
        error = f"Type {check.name} to confirm."
    context = {"section": "checks", "check": check, "error": error, "typed": request.POST.get("confirm", "")}
    return render(request, "ops/health/check_delete.html", context, status=422 if error else 200)


@requires(Permission.CHECK_RUN)
@require_POST
def check_run(request: HttpRequest, uid: str) -> HttpResponse:
    """Nothing is sent to the broker here: the next tick, within a second, finds the check due."""
    return _act(request, uid, run_check_now, "Running {name}")


@requires(Permission.CHECK_PAUSE)
@require_POST
def check_pause(request: HttpRequest, uid: str) -> HttpResponse:
    return _act(request, uid, pause_check, "Paused {name}")


@requires(Permission.CHECK_PAUSE)
@require_POST
def check_resume(request: HttpRequest, uid: str) -> HttpResponse:
    return _act(request, uid, resume_check, "Resumed {name}")


def _act(request: HttpRequest, uid: str, service: Callable[..., Any], message: str) -> HttpResponse:
    service(principal=request_principal(request), uid=uid)
    return acted(request, message.format(name=_find(uid).name))


def _find(uid: str) -> Check:
    check = None if "\0" in uid else Check.objects.select_related("entity").filter(uid=uid).first()
    if check is None:
        raise NotFound(f"There is no check {uid[:80]!r}")
    return check


def _fields(kind: CheckKind, *, with_entity: bool = False) -> list[FormField]:
    fields = check_fields(kind)
    if not with_entity:
        return fields
    names = list(Entity.objects.order_by("name").values_list("name", flat=True)[:SUGGESTED_ENTITIES])
    entity = FormField("entity", "Entity", mono=True, suggestions=names, help="Which entity this check speaks for.")
    return [entity, *fields]


def _show_refusal(
    request: HttpRequest,
    error: ValidationFailed | Conflict | StaleVersion,
    *,
    kind: CheckKind,
    check: Check | None = None,
    version: str = "",
) -> HttpResponse:
    message = error.message
    if isinstance(error, StaleVersion):
        message = f"Somebody else changed it meanwhile ({error.message}). Reload to see what; yours is still below."
    # The refused target is the first field that the kind itself declares: an address or a host.
    aliases = {"target": next(iter(kind.Config.model_fields))}
    fields = _fields(kind, with_entity=check is None)
    # A checkbox that is off sends nothing, which must not bring its default back.
    typed = {**{field.name: "" for field in fields}, **request.POST.dict()}
    form = fill(fields, typed, error.errors, message=message, aliases=aliases)
    status = next(STATUS_OF[known] for known in type(error).__mro__ if known in STATUS_OF)
    return _show_form(request, form, kind=kind, check=check, version=version, status=status)


def _show_form(
    request: HttpRequest,
    form: FilledForm,
    *,
    kind: CheckKind,
    check: Check | None = None,
    version: str = "",
    status: int = 200,
) -> HttpResponse:
    context = {
        "section": "checks",
        "form": form,
        "kind": kind.name,
        "kinds": kind_choices(),
        "check": check,
        "version": version,
        "form_url": reverse("check-create"),
    }
    is_switch = request.method == "GET" and request.headers.get("HX-Request") == "true"
    template = "ops/health/check_form.html#form" if is_switch else "ops/health/check_form.html"
    return render(request, template, context, status=status)

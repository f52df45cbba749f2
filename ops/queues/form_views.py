"""The forms of queues: choose a kind, fill in, be told at once what is wrong, save; and their end."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from core.authentication import request_principal
from core.errors import NotFound
from core.form_fields import MORE, FilledForm
from core.permissions import Permission, requires
from core.problems import problem_of
from ops.probing.form_fields import OWN, kind_choice
from ops.probing.sheet import SHOWN_IN_FORM, Refusal, Sheet, kept_query, no_such_entity
from ops.queues import services
from ops.queues.definition import CommonFields, definition_of
from ops.queues.models import Queue
from ops.queues.queue_form import LIMITS, QUEUES, source_choices
from ops.queues.services.records import find_queue
from ops.queues.sources import SOURCES
from ops.queues.sources.source import QueueSource

type QueueSheet = Sheet[CommonFields, QueueSource, Queue]


@requires(Permission.CATALOG_EDIT)
@require_http_methods(["GET", "POST"])
def queue_create(request: HttpRequest) -> HttpResponse:
    """Without a kind, the choice of one."""
    typed = request.POST if request.method == "POST" else request.GET
    source = SOURCES.get(typed.get("kind", ""))
    if source is None:
        context = {"section": "queues", "kinds": source_choices(), "list_url": reverse("queue-list")}
        return render(request, "kind_picker.html", {**context, "kept": kept_query(typed), "what": "queue"})
    sheet = Sheet(QUEUES, source)
    if request.method != "POST":
        return _show_form(request, sheet, sheet.begun(typed))
    try:
        saved = services.create_queue(
            principal=request_principal(request),
            entity_ref=sheet.entity_of(typed),
            definition=sheet.definition(typed),
        )
    except NotFound as error:
        return _show_refusal(request, sheet, no_such_entity(error))
    except SHOWN_IN_FORM as error:
        return _show_refusal(request, sheet, error)
    messages.success(request, f"Added {saved.name}; it is looked at within seconds")
    return redirect("queue-detail", saved.uid)


@requires(Permission.CATALOG_EDIT)
@require_POST
def queue_switch_kind(request: HttpRequest) -> HttpResponse:
    """The form of another kind with what was typed so far, which may be secret and hence stays out of addresses."""
    sheet = _sheet_of(request)
    response = _show_form(request, sheet, sheet.begun(request.POST), template="#form")
    response["HX-Replace-Url"] = f"{reverse('queue-create')}?{kept_query(request.POST, kind=sheet.kind.name)}"
    return response


@requires(Permission.CATALOG_EDIT)
@require_http_methods(["GET", "POST"])
def queue_edit(request: HttpRequest, uid: str) -> HttpResponse:
    queue = find_queue(uid)
    definition = definition_of(queue)
    if request.method != "POST":
        sheet = Sheet(QUEUES, definition.kind, queue, str(queue.version))
        return _show_form(request, sheet, sheet.written(definition))
    sheet = Sheet(QUEUES, definition.kind, queue, request.POST.get("version", ""))
    try:
        saved = services.replace_queue(
            principal=request_principal(request),
            uid=uid,
            definition=sheet.definition(request.POST),
            expected_version=sheet.expected_version,
        )
    except SHOWN_IN_FORM as error:
        return _show_refusal(request, sheet, error)
    messages.success(request, f"Saved {saved.name}" if saved.action else "Nothing was changed")
    return redirect("queue-detail", uid)


@requires(Permission.CATALOG_EDIT)
@require_POST
def queue_field(request: HttpRequest) -> HttpResponse:
    """What is wrong with one field of a form as it stands, or how its value reads; for the note beside it."""
    field = _sheet_of(request).field(request.POST, request.GET.get("field", ""))
    return render(request, "components/_note.html", {"field": field})


@requires(Permission.CATALOG_EDIT)
@require_http_methods(["GET", "POST"])
def queue_delete(request: HttpRequest, uid: str) -> HttpResponse:
    queue = find_queue(uid)
    error = ""
    if request.method == "POST":
        if request.POST.get("confirm", "").strip() == queue.name:
            services.delete_queue(principal=request_principal(request), uid=uid)
            messages.success(request, f"Deleted {queue.name}")
            return redirect("entity-detail", queue.entity.name)
        error = f"Type {queue.name} to confirm."
    context = {"section": "queues", "queue": queue, "error": error, "typed": request.POST.get("confirm", "")}
    return render(request, "ops/queues/queue_delete.html", context, status=422 if error else 200)


def _sheet_of(request: HttpRequest) -> QueueSheet:
    uid = request.POST.get("editing", "")
    queue = find_queue(uid) if uid else None
    source = SOURCES.get(queue.kind if queue else request.POST.get("kind", ""))
    if source is None:
        raise NotFound("There is no such kind of queue")
    return Sheet(QUEUES, source, queue)


def _show_refusal(request: HttpRequest, sheet: QueueSheet, error: Refusal) -> HttpResponse:
    return _show_form(request, sheet, sheet.refused(request.POST, error), status=problem_of(error).status)


def _show_form(
    request: HttpRequest, sheet: QueueSheet, form: FilledForm, *, status: int = 200, template: str = ""
) -> HttpResponse:
    context = {
        "section": "queues",
        "form": form,
        "own": form.section(OWN),
        "limits": form.section(LIMITS),
        "more": form.section(MORE),
        "kind": kind_choice(sheet.kind.name, sheet.kind.Config),
        "kinds": source_choices(),
        "queue": sheet.stored,
        "version": sheet.version,
        "field_url": reverse("queue-field"),
    }
    return render(request, f"ops/queues/queue_form.html{template}", context, status=status)

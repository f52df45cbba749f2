"""The forms of queues: choose a kind, fill in, be told at once what is wrong, save; and their end."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST

from core.authentication import request_principal
from core.errors import Conflict, FieldError, NotFound, StaleVersion, ValidationFailed
from core.form_fields import MORE, FilledForm, FormField, fill
from core.permissions import Permission, requires
from core.problems import problem_of
from entities.names import suggested_entities
from ops.probing.form_fields import OWN, kind_choice
from ops.probing.typed_definition import write_typed
from ops.queues import services
from ops.queues.definition import QueueDefinition, definition_of
from ops.queues.models import Queue
from ops.queues.queue_form import (
    LIMITS,
    judge_queue_form,
    queue_fields,
    read_queue_form,
    source_choices,
)
from ops.queues.services.records import find_queue
from ops.queues.sources import SOURCES
from ops.queues.sources.source import QueueSource

_SHOWN_IN_FORM = (ValidationFailed, Conflict, StaleVersion)


@dataclass(frozen=True, slots=True)
class _Sheet:
    """What a form is about: a new queue of a kind, or an edit of ``queue`` that began at ``version``."""

    source: QueueSource
    queue: Queue | None = None
    version: str = ""

    def fields(self) -> list[FormField]:
        fields = queue_fields(self.source)
        if self.queue is not None:
            return fields
        about = "Which entity this queue belongs to."
        return [
            FormField("entity", "Entity", mono=True, suggestions=suggested_entities(), help=about, section=OWN),
            *fields,
        ]

    def entity_of(self, typed: QueryDict) -> str:
        return self.queue.entity.name if self.queue else typed.get("entity", "").strip()

    def filled(self, typed: QueryDict, errors: Sequence[FieldError] = (), *, message: str = "") -> FilledForm:
        """With all that was typed; a checkbox that is off sends nothing, which must not bring its default back."""
        fields = self.fields()
        values = {field.name: typed.get(field.name, "") for field in fields}
        # The refused target is the first field that the source itself declares: an address or a host.
        aliases = {"target": next(iter(self.source.Config.model_fields), "")}
        return fill(fields, values, errors, message=message, aliases=aliases)

    def judge(self, typed: QueryDict) -> tuple[QueueDefinition | None, tuple[FieldError, ...]]:
        data = read_queue_form(typed, self.source)
        return judge_queue_form(data, entity_ref=self.entity_of(typed), stored=self.queue)

    def definition(self, typed: QueryDict) -> QueueDefinition:
        """Raises ``ValidationFailed`` with all that is wrong."""
        definition, errors = self.judge(typed)
        if definition is None or errors:
            raise ValidationFailed("Some fields are not valid", errors=errors)
        return definition


@requires(Permission.CATALOG_EDIT)
@require_http_methods(["GET", "POST"])
def queue_create(request: HttpRequest) -> HttpResponse:
    """Without a kind, the choice of one."""
    typed = request.POST if request.method == "POST" else request.GET
    source = SOURCES.get(typed.get("kind", ""))
    if source is None:
        kept = urlencode({name: typed[name] for name in ("entity", "name") if typed.get(name)})
        context = {"section": "queues", "kinds": source_choices(), "kept": kept, "list_url": reverse("queue-list")}
        return render(request, "kind_picker.html", {**context, "what": "queue"})
    sheet = _Sheet(source)
    if request.method != "POST":
        return _show_form(request, sheet, fill(sheet.fields(), typed.dict()))
    try:
        saved = services.create_queue(
            principal=request_principal(request),
            entity_ref=sheet.entity_of(typed),
            definition=sheet.definition(typed),
        )
    except NotFound as error:
        wrong = ValidationFailed(error.message, errors=(FieldError("entity", error.message),))
        return _show_refusal(request, sheet, wrong)
    except _SHOWN_IN_FORM as error:
        return _show_refusal(request, sheet, error)
    messages.success(request, f"Added {saved.name}; it is looked at within seconds")
    return redirect("queue-detail", saved.uid)


@requires(Permission.CATALOG_EDIT)
@require_POST
def queue_switch_kind(request: HttpRequest) -> HttpResponse:
    """The form of another kind with what was typed so far, which may be secret and hence stays out of addresses."""
    sheet = _sheet_of(request)
    response = _show_form(request, sheet, fill(sheet.fields(), request.POST.dict()), template="#form")
    kept = {name: request.POST[name] for name in ("entity", "name") if request.POST.get(name)}
    response["HX-Replace-Url"] = f"{reverse('queue-create')}?{urlencode({'kind': sheet.source.name, **kept})}"
    return response


@requires(Permission.CATALOG_EDIT)
@require_http_methods(["GET", "POST"])
def queue_edit(request: HttpRequest, uid: str) -> HttpResponse:
    queue = find_queue(uid)
    definition = definition_of(queue)
    if request.method != "POST":
        sheet = _Sheet(definition.kind, queue, str(queue.version))
        return _show_form(request, sheet, fill(sheet.fields(), write_typed(definition)))
    version = request.POST.get("version", "")
    sheet = _Sheet(definition.kind, queue, version)
    try:
        saved = services.replace_queue(
            principal=request_principal(request),
            uid=uid,
            definition=sheet.definition(request.POST),
            expected_version=int(version) if version.isascii() and version.isdigit() and len(version) < 10 else None,
        )
    except _SHOWN_IN_FORM as error:
        return _show_refusal(request, sheet, error)
    messages.success(request, f"Saved {saved.name}" if saved.action else "Nothing was changed")
    return redirect("queue-detail", uid)


@requires(Permission.CATALOG_EDIT)
@require_POST
def queue_field(request: HttpRequest) -> HttpResponse:
    """What is wrong with one field of a form as it stands, or how its value reads; for the note beside it."""
    sheet = _sheet_of(request)
    _definition, errors = sheet.judge(request.POST)
    try:
        field = sheet.filled(request.POST, errors)[request.GET.get("field", "")]
    except KeyError:
        raise NotFound("There is no such field") from None
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


def _sheet_of(request: HttpRequest) -> _Sheet:
    uid = request.POST.get("editing", "")
    queue = find_queue(uid) if uid else None
    source = SOURCES.get(queue.kind if queue else request.POST.get("kind", ""))
    if source is None:
        raise NotFound("There is no such kind of queue")
    return _Sheet(source, queue)


def _show_refusal(
    request: HttpRequest, sheet: _Sheet, error: ValidationFailed | Conflict | StaleVersion
) -> HttpResponse:
    message = error.message
    if isinstance(error, StaleVersion):
        message = f"Somebody else changed it meanwhile ({error.message}). Reload to see what; yours is still below."
    form = sheet.filled(request.POST, error.errors, message=message)
    return _show_form(request, sheet, form, status=problem_of(error).status)


def _show_form(
    request: HttpRequest, sheet: _Sheet, form: FilledForm, *, status: int = 200, template: str = ""
) -> HttpResponse:
    context = {
        "section": "queues",
        "form": form,
        "own": form.section(OWN),
        "limits": form.section(LIMITS),
        "more": form.section(MORE),
        "kind": kind_choice(sheet.source.name, sheet.source.Config),
        "kinds": source_choices(),
        "queue": sheet.queue,
        "version": sheet.version,
        "field_url": reverse("queue-field"),
    }
    return render(request, f"ops/queues/queue_form.html{template}", context, status=status)

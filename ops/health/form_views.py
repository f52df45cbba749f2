"""The forms of checks: choose a kind, fill in, be told at once what is wrong, try, save."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST

from core.authentication import request_principal
from core.errors import Conflict, FieldError, NotFound, QuarterdeckError, RateLimited, StaleVersion, ValidationFailed
from core.form_fields import MORE, FilledForm, FormField, fill
from core.permissions import Permission, requires
from core.problems import STATUS_OF
from entities.names import suggested_entities
from ops.health.check_fields import RHYTHM, check_fields, kind_choices
from ops.health.check_form import find_marks, judge_check_form, read_check_form
from ops.health.checks import KINDS
from ops.health.checks.kind import CheckKind
from ops.health.definition import CheckDefinition, definition_of
from ops.health.models import Check
from ops.health.services import create_check, replace_check
from ops.health.trial_display import show_trial
from ops.health.trials import TRIAL_SECONDS, try_check
from ops.probing.form_fields import OWN, kind_choice
from ops.probing.typed_definition import write_typed

_SHOWN_IN_FORM = (ValidationFailed, Conflict, StaleVersion, RateLimited)


@dataclass(frozen=True, slots=True)
class _Sheet:
    """What a form is about: a new check of a kind, or an edit of ``check`` that began at ``version``."""

    kind: CheckKind
    check: Check | None = None
    version: str = ""

    def fields(self) -> list[FormField]:
        fields = check_fields(self.kind)
        if self.check is not None:
            return fields
        about = "Which entity this check speaks for."
        return [
            FormField("entity", "Entity", mono=True, suggestions=suggested_entities(), help=about, section=OWN),
            *fields,
        ]

    def entity_of(self, typed: QueryDict) -> str:
        return self.check.entity.name if self.check else typed.get("entity", "").strip()

    def filled(self, typed: QueryDict, errors: Sequence[FieldError] = (), *, message: str = "") -> FilledForm:
        """With all that was typed; a checkbox that is off sends nothing, which must not bring its default back."""
        fields = self.fields()
        values = {field.name: typed.get(field.name, "") for field in fields}
        # The refused target is the first field that the kind itself declares: an address or a host.
        aliases = {"target": next(iter(self.kind.Config.model_fields), "")}
        form = fill(fields, values, errors, message=message, aliases=aliases)
        return replace(form, fields=tuple(replace(field, marks=find_marks(field, self.kind)) for field in form.fields))

    def judge(self, typed: QueryDict) -> tuple[CheckDefinition | None, tuple[FieldError, ...]]:
        return judge_check_form(read_check_form(typed, self.kind), entity_ref=self.entity_of(typed), stored=self.check)


@requires(Permission.CATALOG_EDIT)
@require_http_methods(["GET", "POST"])
def check_create(request: HttpRequest) -> HttpResponse:
    """Without a kind, the choice of one."""
    typed = request.POST if request.method == "POST" else request.GET
    kind = KINDS.get(typed.get("kind", ""))
    if kind is None:
        kept = urlencode({name: typed[name] for name in ("entity", "name") if typed.get(name)})
        context = {"section": "checks", "kinds": kind_choices(), "kept": kept, "list_url": reverse("check-list")}
        return render(request, "kind_picker.html", {**context, "what": "check"})
    sheet = _Sheet(kind)
    if request.method != "POST":
        return _show_form(request, sheet, fill(sheet.fields(), typed.dict()))
    definition, errors = sheet.judge(typed)
    try:
        if definition is None or errors:
            raise ValidationFailed("Some fields are not valid", errors=errors)
        saved = create_check(
            principal=request_principal(request), entity_ref=sheet.entity_of(typed), definition=definition
        )
    except NotFound as error:
        wrong = ValidationFailed(error.message, errors=(FieldError("entity", error.message),))
        return _show_refusal(request, sheet, wrong)
    except _SHOWN_IN_FORM as error:
        return _show_refusal(request, sheet, error)
    messages.success(request, f"Added {saved.name}; its first result comes within seconds")
    return redirect("check-detail", saved.uid)


@requires(Permission.CATALOG_EDIT)
@require_POST
def check_switch_kind(request: HttpRequest) -> HttpResponse:
    """The form of another kind with what was typed so far, which may be secret and hence stays out of addresses."""
    kind = KINDS.get(request.POST.get("kind", ""))
    if kind is None:
        raise NotFound("There is no such kind of check")
    sheet = _Sheet(kind)
    response = _show_form(request, sheet, fill(sheet.fields(), request.POST.dict()), template="#form")
    kept = {name: request.POST[name] for name in ("entity", "name") if request.POST.get(name)}
    response["HX-Replace-Url"] = f"{reverse('check-create')}?{urlencode({'kind': kind.name, **kept})}"
    return response


@requires(Permission.CATALOG_EDIT)
@require_http_methods(["GET", "POST"])
def check_edit(request: HttpRequest, uid: str) -> HttpResponse:
    check = find_check(uid)
    definition = definition_of(check)
    if request.method != "POST":
        sheet = _Sheet(definition.kind, check, str(check.version))
        return _show_form(request, sheet, fill(sheet.fields(), write_typed(definition)))
    version = request.POST.get("version", "")
    sheet = _Sheet(definition.kind, check, version)
    changed, errors = sheet.judge(request.POST)
    try:
        if changed is None or errors:
            raise ValidationFailed("Some fields are not valid", errors=errors)
        saved = replace_check(
            principal=request_principal(request),
            uid=uid,
            definition=changed,
            expected_version=int(version) if version.isascii() and version.isdigit() and len(version) < 10 else None,
        )
    except _SHOWN_IN_FORM as error:
        return _show_refusal(request, sheet, error)
    messages.success(request, f"Saved {saved.name}" if saved.action else "Nothing was changed")
    return redirect("check-detail", uid)


@requires(Permission.CATALOG_EDIT)
@require_POST
def check_field(request: HttpRequest) -> HttpResponse:
    """What is wrong with one field of a form as it stands, or how its value reads; for the note beside it."""
    sheet = _sheet_of(request)
    _definition, errors = sheet.judge(request.POST)
    try:
        field = sheet.filled(request.POST, errors)[request.GET.get("field", "")]
    except KeyError:
        raise NotFound("There is no such field") from None
    return render(request, "components/_note.html", {"field": field})


@requires(Permission.CATALOG_EDIT)
@require_POST
def check_try(request: HttpRequest) -> HttpResponse:
    """Probe once what the form says, and show what came of it below; the notes beside the fields follow.

    A form with errors is answered like ``check_field``, since telling them is what was asked for.
    """
    sheet = _sheet_of(request)
    definition, errors = sheet.judge(request.POST)
    context: dict[str, object] = {"form": sheet.filled(request.POST, errors), "limit_seconds": TRIAL_SECONDS}
    status = 200
    if definition is not None and not errors:
        context["was_cut"] = definition.common.timeout > TRIAL_SECONDS * 1_000
        try:
            trial = try_check(
                principal=request_principal(request),
                entity_name=sheet.entity_of(request.POST),
                data=read_check_form(request.POST, sheet.kind),
                uid=sheet.check.uid if sheet.check else None,
            )
            context["trial"] = show_trial(trial)
        except (ValidationFailed, Conflict, RateLimited) as error:
            context["refusal"], status = error.message, _status_of(error)
    return render(request, "ops/health/trial.html", context, status=status)


def find_check(uid: str) -> Check:
    """Raises ``NotFound``."""
    check = None if "\0" in uid else Check.objects.select_related("entity").filter(uid=uid).first()
    if check is None:
        raise NotFound(f"There is no check {uid[:80]!r}")
    return check


def _sheet_of(request: HttpRequest) -> _Sheet:
    uid = request.POST.get("editing", "")
    check = find_check(uid) if uid else None
    kind = KINDS.get(check.kind if check else request.POST.get("kind", ""))
    if kind is None:
        raise NotFound("There is no such kind of check")
    return _Sheet(kind, check)


def _show_refusal(
    request: HttpRequest, sheet: _Sheet, error: ValidationFailed | Conflict | StaleVersion | RateLimited
) -> HttpResponse:
    message = error.message
    if isinstance(error, StaleVersion):
        message = f"Somebody else changed it meanwhile ({error.message}). Reload to see what; yours is still below."
    form = sheet.filled(request.POST, error.errors, message=message)
    return _show_form(request, sheet, form, status=_status_of(error))


def _status_of(error: QuarterdeckError) -> int:
    return next(STATUS_OF[known] for known in type(error).__mro__ if known in STATUS_OF)


def _show_form(
    request: HttpRequest, sheet: _Sheet, form: FilledForm, *, status: int = 200, template: str = ""
) -> HttpResponse:
    context = {
        "section": "checks",
        "form": form,
        "own": form.section(OWN),
        "rhythm": form.section(RHYTHM),
        "more": form.section(MORE),
        "kind": kind_choice(sheet.kind.name, sheet.kind.Config),
        "kinds": kind_choices(),
        "check": sheet.check,
        "version": sheet.version,
        "field_url": reverse("check-field"),
    }
    return render(request, f"ops/health/check_form.html{template}", context, status=status)

"""Where people add, edit, try and delete what a slice looks at: the slice says what is its own, the pages are these."""

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_http_methods, require_POST

from core.authentication import request_principal
from core.errors import Conflict, NotFound, RateLimited, ValidationFailed
from core.form_fields import MORE, FilledForm
from core.pages import Crumb, ask_to_delete
from core.permissions import Permission, requires
from core.problems import problem_of
from ops.definitions.definition import Kind, Named
from ops.definitions.form_fields import OWN, KindChoice, kind_choice
from ops.definitions.models import Defined
from ops.definitions.sheet import SHOWN_IN_FORM, Refusal, Sheet, Subject, kept_query, no_such_entity
from ops.definitions.writing import Writer


@dataclass(frozen=True, slots=True)
class FormSection:
    """A card of fields between those of the kind and those that are folded away."""

    name: str
    title: str
    lead: str = ""


@dataclass(frozen=True, slots=True)
class Desk[C: Named, K: Kind, R: Defined]:
    """Its methods are views; ``routes`` are their addresses, named ``<slug>-edit`` and so on.

    ``attempt`` is a service, with what a form has as keywords; what it returns is the ``trial`` of ``trial_template``.
    ``section`` is that of the rail, with its list at ``list_route``. A
    row has its page at ``page_route``; without any, its entity's stands for it. ``target`` heads the fields of the
    kind, ``target_note`` is a template below them, and ``loss`` says what goes with a row that is deleted.
    """

    subject: Subject[C, K, R]
    writer: Writer[C, K, R]
    attempt: Callable[..., object]
    slug: str
    section: str
    list_route: str
    title: str
    target: str
    promise: str
    loss: str
    trial_template: str
    page_route: str = ""
    sections: tuple[FormSection, ...] = ()
    target_note: str = ""

    def routes(self) -> list[URLPattern]:
        slug = self.slug
        return [
            path(f"new/{slug}", self.add, name=f"{slug}-create"),
            path(f"new/{slug}/kind", self.switch_kind, name=f"{slug}-switch-kind"),
            path(f"new/{slug}/field", self.note, name=f"{slug}-field"),
            path(f"new/{slug}/try", self.test, name=f"{slug}-try"),
            path(f"{slug}s/<str:uid>/edit", self.edit, name=f"{slug}-edit"),
            path(f"{slug}s/<str:uid>/delete", self.remove, name=f"{slug}-delete"),
        ]

    @property
    def noun(self) -> str:
        return self.subject.definitions.noun

    @requires(Permission.CATALOG_EDIT)
    @method_decorator(require_http_methods(["GET", "POST"]))
    def add(self, request: HttpRequest) -> HttpResponse:
        """Without a kind, the choice of one."""
        typed = request.POST if request.method == "POST" else request.GET
        kind = self.subject.definitions.kinds.get(typed.get("kind", ""))
        if kind is None:
            return self._show_kinds(request, typed)
        sheet = Sheet(self.subject, kind)
        if request.method != "POST":
            return self._show_form(request, sheet, sheet.begun(typed))
        entity_ref = sheet.entity_of(typed)
        try:
            saved = self.writer.create(
                principal=request_principal(request), entity_ref=entity_ref, definition=sheet.definition(typed)
            )
        except NotFound as error:
            return self._show_refusal(request, sheet, no_such_entity(error))
        except SHOWN_IN_FORM as error:
            return self._show_refusal(request, sheet, error)
        messages.success(request, f"Added {saved.name}; {self.promise}")
        return redirect(self._page_of(saved.uid, entity_ref))

    @requires(Permission.CATALOG_EDIT)
    @method_decorator(require_POST)
    def switch_kind(self, request: HttpRequest) -> HttpResponse:
        """The form of another kind with what was typed so far, which may be secret and hence stays out of addresses."""
        sheet = self._sheet_of(request)
        response = self._show_form(request, sheet, sheet.begun(request.POST), partial="#form")
        kept = kept_query(request.POST, kind=sheet.kind.name)
        response["HX-Replace-Url"] = f"{self._url('create')}?{kept}"
        return response

    @requires(Permission.CATALOG_EDIT)
    @method_decorator(require_http_methods(["GET", "POST"]))
    def edit(self, request: HttpRequest, uid: str) -> HttpResponse:
        row = self.subject.definitions.stored(uid)
        definition = self.subject.definitions.of(row)
        if request.method != "POST":
            sheet = Sheet(self.subject, definition.kind, row, str(row.version))
            return self._show_form(request, sheet, sheet.written(definition))
        version, over = request.POST.get("version", ""), request.POST.get("over", "")
        sheet = Sheet(self.subject, definition.kind, row, version, over)
        try:
            saved = self.writer.replace(
                principal=request_principal(request),
                uid=uid,
                definition=sheet.definition(request.POST),
                expected_version=sheet.expected_version,
            )
        except SHOWN_IN_FORM as error:
            return self._show_refusal(request, sheet, error)
        messages.success(request, f"Saved {saved.name}" if saved.action else "Nothing was changed")
        return redirect(self._page_of(uid, row.entity.name))

    @requires(Permission.CATALOG_EDIT)
    @method_decorator(require_POST)
    def note(self, request: HttpRequest) -> HttpResponse:
        """What is wrong with one field of a form as it stands, or how its value reads; for the note beside it."""
        field = self._sheet_of(request).field(request.POST, request.GET.get("field", ""))
        return render(request, "components/_note.html", {"field": field})

    @requires(Permission.CATALOG_EDIT)
    @method_decorator(require_POST)
    def test(self, request: HttpRequest) -> HttpResponse:
        """Look once as the form says, and show below what came of it; the notes beside the fields follow.

        A form with errors is answered like ``note``, since telling them is what was asked for.
        """
        sheet = self._sheet_of(request)
        definition, errors = sheet.judge_trial(request.POST)
        context: dict[str, object] = {"form": sheet.filled(request.POST, errors)}
        status = 200
        if definition is not None and not errors:
            try:
                context["trial"] = self.attempt(
                    principal=request_principal(request),
                    entity_ref=sheet.entity_of(request.POST),
                    definition=definition,
                    stored=sheet.stored,
                )
            except (ValidationFailed, Conflict, RateLimited) as error:
                context["refusal"], status = error.message, problem_of(error).status
        return render(request, self.trial_template, context, status=status)

    @requires(Permission.CATALOG_EDIT)
    @method_decorator(require_http_methods(["GET", "POST"]))
    def remove(self, request: HttpRequest, uid: str) -> HttpResponse:
        row = self.subject.definitions.stored(uid)
        principal, entity = request_principal(request), row.entity.name
        own = reverse(self.page_route, args=[uid]) if self.page_route else self._url("edit", uid)
        return ask_to_delete(
            request,
            name=row.name,
            loss=self.loss,
            delete=lambda: self.writer.delete(principal=principal, uid=uid),
            leads_to=reverse("entity-detail", args=[entity]),
            cancel_url=self._page_of(uid, entity),
            context={"section": self.section, "crumbs": [*self._crumbs(entity), (row.name, own)]},
        )

    def _sheet_of(self, request: HttpRequest) -> Sheet[C, K, R]:
        uid = request.POST.get("editing", "")
        row = self.subject.definitions.stored(uid) if uid else None
        kind = self.subject.definitions.kinds.get(row.kind if row else request.POST.get("kind", ""))
        if kind is None:
            raise NotFound(f"There is no such kind of {self.noun}")
        return Sheet(self.subject, kind, row)

    def _choices(self) -> list[KindChoice]:
        kinds = self.subject.definitions.kinds
        return [kind_choice(kind.name, kind.Config) for kind in kinds if kind.Config.presentation.offered]

    def _show_kinds(self, request: HttpRequest, typed: QueryDict) -> HttpResponse:
        context = {
            "section": self.section,
            "title": f"New {self.title}",
            "crumbs": self._crumbs(),
            "kinds": self._choices(),
            "kept": kept_query(typed),
        }
        return render(request, "ops/definitions/kind_picker.html", context)

    def _show_refusal(self, request: HttpRequest, sheet: Sheet[C, K, R], error: Refusal) -> HttpResponse:
        return self._show_form(request, sheet, sheet.refused(request.POST, error), status=problem_of(error).status)

    def _show_form(
        self, request: HttpRequest, sheet: Sheet[C, K, R], form: FilledForm, *, status: int = 200, partial: str = ""
    ) -> HttpResponse:
        sections = [(section, form.section(section.name)) for section in self.sections]
        context = {
            "section": self.section,
            "desk": self,
            "form": form,
            "own": form.section(OWN),
            "sections": [(section, fields) for section, fields in sections if fields],
            "more": form.section(MORE),
            "kind": kind_choice(sheet.kind.name, sheet.kind.Config),
            "kinds": self._choices(),
            "stored": sheet.stored,
            "version": sheet.version,
            "switch_url": self._url("switch-kind"),
            "field_url": self._url("field"),
            "try_url": self._url("try"),
            **self._place_of(sheet.stored),
        }
        return render(request, f"ops/definitions/form.html{partial}", context, status=status)

    def _place_of(self, row: R | None) -> dict[str, object]:
        """What the page is called, and where one can go from it."""
        if row is None:
            title = f"New {self.title}"
            return {"title": title, "heading": title, "crumbs": self._crumbs(), "cancel_url": reverse(self.list_route)}
        page = self._page_of(row.uid, row.entity.name)
        return {
            "title": f"Edit {row.entity.name} / {row.name}",
            "heading": f"Edit {row.name}",
            "crumbs": [*self._crumbs(row.entity.name), *([(row.name, page)] if self.page_route else [])],
            "cancel_url": page,
            "delete_url": self._url("delete", row.uid),
        }

    def _crumbs(self, entity: str = "") -> list[Crumb]:
        crumbs = [(self.section.capitalize(), reverse(self.list_route))]
        return [*crumbs, (entity, reverse("entity-detail", args=[entity]))] if entity else crumbs

    def _page_of(self, uid: str, entity: str) -> str:
        return reverse(self.page_route, args=[uid]) if self.page_route else reverse("entity-detail", args=[entity])

    def _url(self, view: str, *uid: str) -> str:
        return reverse(f"{self.slug}-{view}", args=uid)

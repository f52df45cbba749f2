"""What pages have in common: answers of actions that a button sends, and the question before something is deleted."""

import json
from collections.abc import Callable, Mapping

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme

from core.errors import HasDependencies
from core.problems import problem_of

type Crumb = tuple[str, str]
"""A step of the way to a page: its name and its address."""


def acted(request: HttpRequest, message: str) -> HttpResponse:
    """204 with the event ``acted`` for htmx; without it, back to where the request came from."""
    if request.headers.get("HX-Request"):
        # JSON in ASCII, so that no text can end the header.
        return HttpResponse(status=204, headers={"HX-Trigger": json.dumps({"acted": {"message": message}})})
    messages.success(request, message)
    referer = request.headers.get("Referer", "")
    safe = url_has_allowed_host_and_scheme(referer, {request.get_host()}, require_https=request.is_secure())
    return redirect(referer if safe else "overview")


def ask_to_delete(
    request: HttpRequest,
    *,
    name: str,
    loss: str,
    delete: Callable[[], None],
    leads_to: str,
    cancel_url: str,
    context: Mapping[str, object],
    template: str = "delete.html",
) -> HttpResponse:
    """The page that asks for the ``name``; once it is typed, ``delete`` it and go where ``leads_to``.

    ``loss`` says what goes with it. ``context`` has the ``section`` and the ``crumbs`` of the page.
    """
    typed, error, status = request.POST.get("confirm", ""), "", 200
    if request.method == "POST":
        if typed.strip() == name.strip():
            try:
                delete()
            except HasDependencies as refusal:
                error, status = refusal.message, problem_of(refusal).status
            else:
                messages.success(request, f"Deleted {name}")
                return redirect(leads_to)
        else:
            error, status = f"Type {name} to confirm.", 422
    told = {"name": name, "loss": loss, "cancel_url": cancel_url, "typed": typed, "error": error}
    return render(request, template, {**context, **told}, status=status)

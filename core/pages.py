"""Answers of actions that a page's button sends: the page stays, says what was done, and asks for what changed."""

import json

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme


def acted(request: HttpRequest, message: str) -> HttpResponse:
    """204 with the event ``acted`` for htmx; without it, back to where the request came from."""
    if request.headers.get("HX-Request"):
        # JSON in ASCII, so that no text can end the header.
        return HttpResponse(status=204, headers={"HX-Trigger": json.dumps({"acted": {"message": message}})})
    messages.success(request, message)
    referer = request.headers.get("Referer", "")
    safe = url_has_allowed_host_and_scheme(referer, {request.get_host()}, require_https=request.is_secure())
    return redirect(referer if safe else "overview")

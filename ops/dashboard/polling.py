"""One address serves a page, its live fragment, and the poll that asks whether anything changed.

A poll carries the stamp of what it shows. The answer is 204 while that still holds; its headers keep the page's
clock and freshness right:

- ``Quarterdeck-Now``: the server's clock, milliseconds since the epoch
- ``Quarterdeck-Last-Result``: when the newest result of any check came in, the same unit; absent before the first
"""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers

from core.clock import now_ms
from ops.dashboard.blindness import Blindness, find_blindness
from ops.health.selectors import newest_result_ms
from ops.statuses.changes import change_stamp, has_changed


def is_fragment_request(request: HttpRequest) -> bool:
    """Whether htmx asks for the live part only; a restored page of the browser's history is asked for whole."""
    headers = request.headers
    return (
        headers.get("HX-Request") == "true"
        and headers.get("HX-Request-Type") != "full"
        and headers.get("HX-History-Restore-Request") != "true"
    )


def answer_live(
    request: HttpRequest,
    template: str,
    *,
    section: str,
    read: Callable[[Blindness | None], dict[str, Any]],
    watch: Callable[[int | None], str] = lambda _newest_ms: "",
    has_rail: bool = True,
) -> HttpResponse:
    """The page ``template``, or its partial ``live`` for htmx, or 204 for a poll when nothing changed.

    ``read`` makes the context; it is told why the platform is blind. ``watch`` is a text that changes when this
    page must be drawn again although no status changed; it is told when the newest result of any check came in.
    A page without the frame's rail says so.
    """
    fragment = is_fragment_request(request)
    blind = find_blindness()
    newest = newest_result_ms()
    own = f"{blind.code if blind else ''}~{watch(newest)}"
    given, _, given_own = request.GET.get("stamp", "").partition("~")
    if fragment and given and given_own == own and not has_changed(given):
        response = HttpResponse(status=204)
    else:
        stamp = f"{change_stamp()}~{own}"
        context = {"section": section, "live_url": _live_url(request, stamp), "is_fragment": fragment, **read(blind)}
        if fragment:
            body = render_to_string(f"{template}#live", context, request)
            response = HttpResponse(body + (render_to_string("base.html#rail", context, request) if has_rail else ""))
        else:
            response = render(request, template, context)
    patch_vary_headers(response, ["HX-Request"])
    response["Cache-Control"] = "private, no-cache"
    response["Quarterdeck-Now"] = str(now_ms())
    if newest is not None:
        response["Quarterdeck-Last-Result"] = str(newest)
    return response


def _live_url(request: HttpRequest, stamp: str) -> str:
    query = request.GET.copy()
    query["stamp"] = stamp
    return f"{request.path}?{query.urlencode()}"

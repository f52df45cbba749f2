"""The addresses that Sentry's SDKs post to: ``/api/<project>/envelope/`` and the legacy ``/api/<project>/store/``.

Public, because the key of the DSN is what identifies the sender.
"""

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from core.errors import NotAuthenticated, RateLimited, ValidationFailed
from core.permissions import public
from core.problems import problem_of, respond
from ops.errors.envelope import decompress
from ops.errors.ingest import Sender, find_sender, require_room, take_envelope, take_event

_KEY = re.compile(r"sentry_key=([0-9A-Za-z]{1,32})")
_DSN_IN_HEADER = re.compile(rb'"dsn"\s*:\s*"https?://([0-9A-Za-z]{1,32})[:@]')


@public
@csrf_exempt
@require_http_methods(["POST", "OPTIONS"])
def envelope(request: HttpRequest, project: int) -> HttpResponse:
    return _answer(request, project, take_envelope)


@public
@csrf_exempt
@require_http_methods(["POST", "OPTIONS"])
def store(request: HttpRequest, project: int) -> HttpResponse:
    return _answer(request, project, take_event)


def _answer(request: HttpRequest, project: int, take: Callable[[Sender, bytes], str]) -> HttpResponse:
    if request.method == "OPTIONS":
        return _for_browsers(HttpResponse(status=204))
    try:
        body = decompress(request.body, request.headers.get("Content-Encoding", ""))
        sender = find_sender(project=project, public_key=_find_key(request, body))
        require_room()
        response: HttpResponse = JsonResponse({"id": take(sender, body)})
    except RateLimited as error:
        response = respond(request, problem_of(error))
        response["X-Sentry-Rate-Limits"] = f"{error.retry_after_seconds}:error:key"
    return _for_browsers(response)


def _find_key(request: HttpRequest, body: bytes) -> str:
    """From the header, the query or the envelope itself, in this order."""
    for place in (request.headers.get("X-Sentry-Auth", ""), request.headers.get("Authorization", "")):
        if found := _KEY.search(place):
            return found[1]
    if named := _KEY.fullmatch(f"sentry_key={request.GET.get('sentry_key', '')}"):
        return named[1]
    if in_envelope := _DSN_IN_HEADER.search(body[:2_000].partition(b"\n")[0]):
        return in_envelope[1].decode()
    if not body:
        raise ValidationFailed("The body is empty")
    raise NotAuthenticated("The request names no key of a DSN")


def _for_browsers(response: HttpResponse) -> HttpResponse:
    """Programs in browsers report too, from any page, without credentials."""
    response["Access-Control-Allow-Origin"] = "*"
    response["Access-Control-Allow-Methods"] = "POST"
    response["Access-Control-Allow-Headers"] = "X-Sentry-Auth, Content-Type, Content-Encoding"
    response["Access-Control-Expose-Headers"] = "Retry-After, X-Sentry-Rate-Limits"
    return response


ingest_routes = [
    path("api/<int:project>/envelope/", envelope, name="error-envelope"),
    path("api/<int:project>/store/", store, name="error-store"),
]

"""What every request gets: an id, a body limit, a principal, a permission check, one log line, one observation."""

import re
import time
from collections.abc import Callable
from functools import cache
from typing import Any

from django.conf import settings
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from prometheus_client import Histogram

from core.authentication import bearer_token, principal_of_session, principal_of_token
from core.errors import NotAuthenticated, PermissionDenied, QuarterdeckError
from core.ids import uuid7_hex
from core.permissions import ANONYMOUS, PUBLIC, SIGNED_IN, Principal
from core.postgresql import is_silent
from core.problems import answer_exception, method_not_allowed, problem_of, respond, wants_json
from core.telemetry import metrics
from core.telemetry.logging import bind_request_id
from core.telemetry.request_log import log_request
from core.web_bridge import BODY_FAULT, body_too_large

_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_PERMISSIONS_POLICY = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


@cache
def _duration_of(method: str, route: str, status: int) -> Histogram:
    """Looked up once: methods, routes and statuses are few."""
    return metrics.HTTP_REQUEST_DURATION.labels(method, route, str(status))


type GetResponse = Callable[[HttpRequest], HttpResponseBase]


class RequestMiddleware:
    """Outermost: request id in and out, the one log line and the one histogram observation, errors included."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = given if _SANE_REQUEST_ID.fullmatch(given) else uuid7_hex()
        bind_request_id(request_id)
        try:
            response = self._get_response(request)
            response["X-Request-ID"] = request_id
            response.headers.setdefault("Permissions-Policy", _PERMISSIONS_POLICY)
            self._record(request, response.status_code, time.perf_counter() - started)
        finally:
            bind_request_id("")
        return response

    @staticmethod
    def _record(request: HttpRequest, status: int, seconds: float) -> None:
        route = request.resolver_match.route if request.resolver_match else "unmatched"
        method = request.method if request.method in _METHODS else "other"
        _duration_of(method, route, status).observe(seconds)
        principal: Principal = getattr(request, "principal", ANONYMOUS)
        log_request(
            method=method,
            path=request.path,
            route=route,
            status=status,
            duration_ms=seconds * 1000,
            principal=principal.name,
        )


class PageCompressionMiddleware(GZipMiddleware):
    """Compress pages and fragments. Django pads each by a random length, so that sizes tell nothing (BREACH).

    Not the API: compression would make its entity tags weak, which ``If-Match`` does not take.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if not response.get("Content-Type", "").startswith("text/html"):
            return response
        return super().process_response(request, response)


class BodyMiddleware:
    """Refuse a body over the limit, and one that did not arrive as it should (``core.web_bridge``)."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        fault: QuarterdeckError | None = request.META.get(BODY_FAULT)
        stated = request.META.get("CONTENT_LENGTH") or ""
        if fault is None and stated.isdigit() and int(stated) > (limit := settings.BODY_LIMIT_BYTES):
            fault = body_too_large(limit)
        return self._get_response(request) if fault is None else respond(request, problem_of(fault))


class AccessMiddleware:
    """Innermost: find the principal, refuse what the view does not permit, turn errors into answers."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.principal = ANONYMOUS  # type: ignore[attr-defined]
        if request.method == "HEAD" and request.path.startswith("/api/v1/"):
            return self._answer_head(request)
        response = self._get_response(request)
        if isinstance(response, HttpResponseNotAllowed) and wants_json(request):
            allowed = response["Allow"]
            response = respond(request, method_not_allowed(allowed))
            response["Allow"] = allowed
        return response

    def _answer_head(self, request: HttpRequest) -> HttpResponseBase:
        """As GET, without the body; the router of the API knows no HEAD."""
        request.method = "GET"
        try:
            response = self(request)
        finally:
            request.method = "HEAD"
        if isinstance(response, HttpResponse):
            length = len(response.content)
            response.content = b""
            response["Content-Length"] = str(length)
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], _args: tuple[Any, ...], _kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        required = getattr(view, "required_permission", None)
        if required == PUBLIC:
            return None  # without a look at the session: such a view must work without the database
        if is_silent():
            return respond(request, problem_of(OperationalError("the database does not answer")))
        try:
            principal = request.principal = _find_principal(request)  # type: ignore[attr-defined]
            if _guards_itself(request):
                return None
            if required is None:
                raise PermissionDenied("This address declares no permission")
            if principal is ANONYMOUS:
                raise NotAuthenticated("Sign in to see this")
            if required != SIGNED_IN:
                principal.require(required)
        except QuarterdeckError as error:
            return respond(request, problem_of(error))
        return None

    @staticmethod
    def process_exception(request: HttpRequest, error: Exception) -> HttpResponse:
        return answer_exception(request, error)


def _find_principal(request: HttpRequest) -> Principal:
    if (token := bearer_token(request)) is not None and request.path.startswith("/api/"):
        return principal_of_token(token)
    return principal_of_session(request)


def _guards_itself(request: HttpRequest) -> bool:
    """The admin site and the API check permissions per model and per operation (``core.api``)."""
    return request.path.startswith(("/admin/", "/api/"))

"""What every request gets: an id, a body limit, a principal, a permission check, one log line, one observation."""

import re
import time
from collections.abc import Callable
from typing import Any

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from core.authentication import bearer_token, principal_of_session, principal_of_token
from core.errors import NotAuthenticated, PayloadTooLarge, PermissionDenied
from core.ids import uuid7_hex
from core.permissions import ANONYMOUS, PUBLIC, Principal
from core.problems import problem_of, respond
from core.telemetry import metrics
from core.telemetry.logging import bind_request_id

log = structlog.get_logger("core.request")

_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")

type GetResponse = Callable[[HttpRequest], HttpResponseBase]


class RequestMiddleware:
    """Outermost: request id in and out, body limit, the one log line and the one histogram observation."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        given = request.headers.get("X-Request-ID", "")
        request_id = given if _SANE_REQUEST_ID.fullmatch(given) else uuid7_hex()
        bind_request_id(request_id)
        response = self._refuse_large_body(request) or self._get_response(request)
        response["X-Request-ID"] = request_id
        duration = time.perf_counter() - started
        route = request.resolver_match.route if request.resolver_match else "unmatched"
        metrics.HTTP_REQUEST_DURATION.labels(request.method or "", route, str(response.status_code)).observe(duration)
        log.info(
            "http.request",
            method=request.method,
            path=request.path,
            route=route,
            status=response.status_code,
            duration_ms=round(duration * 1000, 2),
            principal=getattr(request, "principal", ANONYMOUS).name,
        )
        bind_request_id("")
        return response

    @staticmethod
    def _refuse_large_body(request: HttpRequest) -> HttpResponse | None:
        length = request.headers.get("Content-Length", "")
        if length.isdigit() and int(length) <= settings.BODY_LIMIT_BYTES:
            return None
        if not length and "chunked" not in request.headers.get("Transfer-Encoding", "").lower():
            return None
        limit = settings.BODY_LIMIT_BYTES // 1024
        return respond(request, problem_of(PayloadTooLarge(f"The body must state its length, at most {limit} KiB")))


class AccessMiddleware:
    """Innermost: find the principal, refuse what the view does not permit, turn errors into answers."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        try:
            request.principal = self._find_principal(request)  # type: ignore[attr-defined]
        except NotAuthenticated as error:
            request.principal = ANONYMOUS  # type: ignore[attr-defined]
            return respond(request, problem_of(error))
        return self._get_response(request)

    @staticmethod
    def _find_principal(request: HttpRequest) -> Principal:
        if (token := bearer_token(request)) is not None and request.path.startswith("/api/"):
            return principal_of_token(token)
        return principal_of_session(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], _args: tuple[Any, ...], _kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        required = getattr(view, "required_permission", None)
        if required == PUBLIC or _guards_itself(request):
            return None
        principal: Principal = request.principal  # type: ignore[attr-defined]
        try:
            if required is None:
                raise PermissionDenied("This address declares no permission")
            if principal is ANONYMOUS:
                raise NotAuthenticated("Sign in to see this")
            principal.require(required)
        except (NotAuthenticated, PermissionDenied) as error:
            return respond(request, problem_of(error))
        return None

    @staticmethod
    def process_exception(request: HttpRequest, error: Exception) -> HttpResponse:
        problem = problem_of(error)
        if problem.status >= 500:
            log.error("http.request_failed", exc_info=error, code=problem.code)
        return respond(request, problem)


def _guards_itself(request: HttpRequest) -> bool:
    """The admin site and the API check permissions per model and per operation (``core.api``)."""
    return request.path.startswith(("/admin/", "/api/"))

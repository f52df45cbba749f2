"""The one table from domain error to HTTP: a problem document (RFC 9457), a page, or a fragment for htmx."""

import sys
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit, urlunsplit

import orjson
import structlog
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from kombu.exceptions import OperationalError as BrokerError
from opentelemetry import trace
from psycopg_pool import PoolTimeout
from redis import RedisError

from core import errors
from core.authentication import principal_of_session
from core.errors import FieldError
from core.permissions import ANONYMOUS, Permission, Principal
from core.postgresql import is_silent, note_silence
from core.telemetry.error_reports import report_error
from core.telemetry.logging import current_request_id

log = structlog.get_logger(__name__)

_PLAIN_PAGE = (
    '<!DOCTYPE html><html lang="en"><title>{title}</title>'
    '<div role="alert"><h1>{title}</h1><p>{detail}</p><p>Request {request_id}</p></div></html>'
)

STATUS_OF: dict[type[errors.QuarterdeckError], int] = {
    errors.ValidationFailed: 422,
    errors.NotAuthenticated: 401,
    errors.PermissionDenied: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.HasDependencies: 409,
    errors.StaleVersion: 412,
    errors.PayloadTooLarge: 413,
    errors.RequestTimedOut: 408,
    errors.IncompleteRequest: 400,
    errors.RateLimited: 429,
    errors.Unavailable: 503,
    errors.QuarterdeckError: 500,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong, ready to be written in any of the three forms."""

    status: int
    title: str
    detail: str
    code: str
    errors: tuple[FieldError, ...] = ()
    retry_after_seconds: int | None = None


def problem_of(error: BaseException) -> Problem:
    """The problem that an exception stands for. An unforeseen one becomes a 500 that tells nothing of the inside."""
    match error:
        case errors.QuarterdeckError():
            status = next(STATUS_OF[kind] for kind in type(error).__mro__ if kind in STATUS_OF)
            retry = error.retry_after_seconds if isinstance(error, errors.RateLimited) else None
            return Problem(status, error.title, error.message, error.code, error.errors, retry)
        case Http404():
            return Problem(404, errors.NotFound.title, "There is nothing at this address.", errors.NotFound.code)
        case DjangoPermissionDenied():
            return Problem(
                403, errors.PermissionDenied.title, str(error) or "This is not yours to do.", "permission_denied"
            )
        case RequestDataTooBig():
            return Problem(413, errors.PayloadTooLarge.title, "The body is over the limit.", "payload_too_large")
        case SuspiciousOperation() | BadRequest() | MultiPartParserError():
            return Problem(400, "Bad request", "The request cannot be understood.", "bad_request")
        case OperationalError() | InterfaceError():
            if isinstance(error.__cause__, PoolTimeout):
                note_silence()
            return Problem(503, errors.Unavailable.title, "The database does not answer in time.", "unavailable", (), 5)
        case BrokerError() | RedisError():
            return Problem(503, errors.Unavailable.title, "The broker does not answer in time.", "unavailable", (), 5)
        case _:
            return Problem(500, "Internal error", "The error was logged under the request id.", "internal_error")


def method_not_allowed(allowed: str) -> Problem:
    """``allowed`` lists the methods that the address answers."""
    return Problem(405, "Method not allowed", f"This address answers {allowed}.", "method_not_allowed")


def trace_id() -> str | None:
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None


def wants_json(request: HttpRequest) -> bool:
    return request.path.startswith(("/api/", "/ping/", "/sd/", "/metrics", "/healthz", "/readyz"))


def _address_shown(request: HttpRequest) -> str:
    """The address in the reader's browser: of a fragment, the page that asked for it."""
    page = urlsplit(request.headers.get("HX-Current-URL", ""))
    return urlunsplit(("", "", page.path, page.query, "")) if page.path else request.get_full_path()


def respond(request: HttpRequest, problem: Problem) -> HttpResponse:
    """Write the problem in the form that the client reads; a page asks an anonymous reader to sign in."""
    if wants_json(request):
        response = problem_json(problem)
    elif problem.status == 401:
        login = f"{reverse('login')}?{urlencode({'next': _address_shown(request)})}"
        if request.headers.get("HX-Request"):  # a page was open: its session has ended
            response = HttpResponse(status=401, headers={"HX-Redirect": f"{login}&ended=1"})
        else:
            response = redirect(login)
    else:
        response = _problem_page(request, problem)
    if problem.retry_after_seconds is not None:
        response["Retry-After"] = str(problem.retry_after_seconds)
    return response


def _problem_page(request: HttpRequest, problem: Problem) -> HttpResponse:
    """The page or fragment. When a store is down it must not ask that store who is signed in."""
    if problem.status >= 500:
        request.user = AnonymousUser()
        if hasattr(request, "session"):
            request.session.modified = False
    template = "problem.html#fragment" if request.headers.get("HX-Request") else "problem.html"
    context: dict[str, object] = {"problem": problem, "request_id": current_request_id()}
    try:
        context["layout"] = "base.html" if _has_frame(request, problem) else "bare.html"
        context["refused"] = None if request.headers.get("HX-Request") else _refused_user(request, problem)
        return render(request, template, context, status=problem.status)
    except Exception:  # the last resort, whatever the template met
        log.exception("http.problem_page_failed")
        page = format_html(_PLAIN_PAGE, title=problem.title, detail=problem.detail, request_id=current_request_id())
        return HttpResponse(page, status=problem.status)


def _has_frame(request: HttpRequest, problem: Problem) -> bool:
    """Whether the page can have rail and search, as the reader's other pages; an unmatched address asked for nobody."""
    if problem.status >= 500 or is_silent() or not hasattr(request, "session"):
        return False
    if getattr(request, "principal", ANONYMOUS) is ANONYMOUS:
        request.principal = principal_of_session(request)  # type: ignore[attr-defined]
    return request.principal.may(Permission.CATALOG_VIEW)  # type: ignore[attr-defined, no-any-return]


def _refused_user(request: HttpRequest, problem: Problem) -> dict[str, object] | None:
    """Who is signed in and lacks a permission; without a role they lack all, and no other page has a way out."""
    user = getattr(request, "user", None)
    if problem.code != errors.PermissionDenied.code or not isinstance(user, User):
        return None
    principal: Principal = getattr(request, "principal", ANONYMOUS)
    return {"name": user.get_username(), "has_role": principal.may(Permission.CATALOG_VIEW)}


def answer_exception(request: HttpRequest, error: BaseException) -> HttpResponse:
    """The answer to an exception that reached the edge; one that nobody foresaw is logged and reported."""
    problem = problem_of(error)
    if problem.status == 503:
        log.warning("http.unavailable", error=str(error)[:500])
    elif problem.status >= 500:
        log.error("http.request_failed", exc_info=error, code=problem.code)
        place = request.resolver_match.route if request.resolver_match else "unmatched"
        report_error(
            error,
            transaction=f"{request.method} /{place}",
            request={"method": request.method or "", "url": request.path},
        )
    return respond(request, problem)


def handle_error(request: HttpRequest, exception: BaseException | None = None) -> HttpResponse:
    """Django's handler of unmatched addresses and of errors outside of views (``handler404`` and the others)."""
    return answer_exception(request, exception or sys.exception() or Http404())


def refuse_forgery(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's ``CSRF_FAILURE_VIEW``."""
    detail = "The form is out of date or came from another site. Load the page again."
    log.warning("http.forgery_refused", reason=reason)
    return respond(request, Problem(403, "Not permitted", detail, "csrf_failed"))


def problem_json(problem: Problem) -> HttpResponse:
    body = {
        "type": "about:blank",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        "errors": [asdict(error) for error in problem.errors],
        "request_id": current_request_id(),
        "trace_id": trace_id(),
    }
    response = HttpResponse(orjson.dumps(body), status=problem.status, content_type="application/problem+json")
    if problem.status == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response

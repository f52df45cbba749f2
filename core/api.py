"""The REST API: one NinjaAPI, its errors, its OpenAPI document and docs page. Slices bring their routers."""

from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError
from ninja.errors import ValidationError as NinjaValidationError
from ninja.renderers import BaseRenderer

from core.api_auth import DenyUndeclared
from core.api_input import JsonParser
from core.errors import FieldError, QuarterdeckError, ValidationFailed
from core.problems import Problem, problem_of, respond
from core.validation import ERRORS_SHOWN, SUMMARY, message_of
from entities.api import router as entities_router
from ops.api import router as ops_router


class OrjsonRenderer(BaseRenderer):
    media_type = "application/json"

    def render(self, _request: HttpRequest, data: Any, *, response_status: int) -> bytes:  # noqa: ARG002
        return orjson.dumps(data, option=orjson.OPT_UTC_Z)


api = NinjaAPI(
    title="Quarterdeck",
    version="1",
    description="The catalogue, its checks and their status. Errors are problem documents (RFC 9457).",
    auth=[DenyUndeclared()],
    renderer=OrjsonRenderer(),
    parser=JsonParser(),
    urls_namespace="api",
    openapi_url=None,
    docs_url=None,
)
api.add_router("", entities_router)
api.add_router("", ops_router)


@api.exception_handler(QuarterdeckError)
def _domain_error(request: HttpRequest, error: QuarterdeckError) -> HttpResponse:
    return respond(request, problem_of(error))


@api.exception_handler(NinjaValidationError)
def _invalid(request: HttpRequest, error: NinjaValidationError) -> HttpResponse:
    fields = tuple(FieldError(_field_path(item["loc"]), message_of(item)) for item in error.errors[:ERRORS_SHOWN])
    return respond(request, problem_of(ValidationFailed(SUMMARY, errors=fields)))


def _field_path(location: tuple[str | int, ...]) -> str:
    """Dotted, without where it came from (``body``, ``query``) and without the name of the body's parameter."""
    source, *path = location
    if source == "body":
        path = path[1:]
    return ".".join(str(part) for part in path)


@api.exception_handler(HttpError)
def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    if isinstance(error.__cause__, QuarterdeckError):  # raised by the parser, which ninja wraps
        return respond(request, problem_of(error.__cause__))
    code = "csrf_failed" if error.status_code == 403 else "bad_request"
    title = "Bad request" if error.status_code == 400 else "Not permitted"
    return respond(request, Problem(error.status_code, title, str(error), code))

"""The REST API: one NinjaAPI, its errors, its OpenAPI document and docs page. Slices bring their routers."""

from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError
from ninja.errors import ValidationError as NinjaValidationError
from ninja.parser import Parser
from ninja.renderers import BaseRenderer

from core.api_auth import DenyUndeclared
from core.errors import FieldError, QuarterdeckError, ValidationFailed
from core.problems import Problem, problem_of, respond
from entities.api import router as entities_router
from ops.api import router as ops_router


class OrjsonRenderer(BaseRenderer):
    media_type = "application/json"

    def render(self, _request: HttpRequest, data: Any, *, response_status: int) -> bytes:  # noqa: ARG002
        return orjson.dumps(data)


class OrjsonParser(Parser):
    def parse_body(self, request: HttpRequest) -> Any:
        return orjson.loads(request.body)


api = NinjaAPI(
    title="Quarterdeck",
    version="1",
    description="The catalogue, its checks and their status. Errors are problem documents (RFC 9457).",
    auth=[DenyUndeclared()],
    renderer=OrjsonRenderer(),
    parser=OrjsonParser(),
    urls_namespace="api",
)
api.add_router("", entities_router)
api.add_router("", ops_router)


@api.exception_handler(QuarterdeckError)
def _domain_error(request: HttpRequest, error: QuarterdeckError) -> HttpResponse:
    return respond(request, problem_of(error))


@api.exception_handler(NinjaValidationError)
def _invalid(request: HttpRequest, error: NinjaValidationError) -> HttpResponse:
    fields = tuple(
        FieldError(field=".".join(str(part) for part in item["loc"][1:]) or str(item["loc"][0]), message=item["msg"])
        for item in error.errors
    )
    return respond(request, problem_of(ValidationFailed("Some fields are not valid", errors=fields)))


@api.exception_handler(HttpError)
def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    code = "csrf_failed" if error.status_code == 403 else "bad_request"
    title = "Bad request" if error.status_code == 400 else "Not permitted"
    return respond(request, Problem(error.status_code, title, str(error), code))

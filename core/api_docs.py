"""The API described: the OpenAPI document and a page to read and try it, without a CDN and under the strict CSP."""

from functools import cache
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode

from core.api import api
from core.authentication import request_principal
from core.errors import NotAuthenticated
from core.permissions import ANONYMOUS, Permission

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "What went wrong (RFC 9457).",
    "required": ["type", "title", "status", "detail", "code", "errors"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "Stable, for programs."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {
                    "field": {"type": "string", "description": "A dotted path; empty for the whole input."},
                    "message": {"type": "string"},
                },
            },
        },
        "request_id": {"type": "string"},
        "trace_id": {"type": ["string", "null"]},
    },
    "example": {
        "type": "about:blank",
        "title": "The input is not valid",
        "status": 422,
        "detail": "Some fields are not valid",
        "code": "validation_failed",
        "errors": [{"field": "tier", "message": "Input should be less than or equal to 4"}],
        "request_id": "019a8c5e3f0b7c1e8a4d2f6b9c0d1e2f",
        "trace_id": None,
    },
}
_PROBLEM = {
    "description": "A problem: the input, the credentials or the state of things does not allow it.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


@cache
def openapi_document() -> dict[str, Any]:
    """The document of all operations; every one may answer with a problem."""
    document: dict[str, Any] = dict(api.get_openapi_schema(path_prefix="/api/v1/"))
    document["components"]["schemas"]["Problem"] = PROBLEM_SCHEMA
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"] = {**operation["responses"], "default": _PROBLEM}
    return document


def openapi_json(request: HttpRequest) -> HttpResponse:
    principal = request_principal(request)
    if principal is ANONYMOUS:
        raise NotAuthenticated("Send a bearer token, or sign in")
    principal.require(Permission.CATALOG_VIEW)
    return HttpResponse(orjson.dumps(openapi_document(), option=orjson.OPT_NON_STR_KEYS), "application/json")


def docs_page(request: HttpRequest) -> HttpResponseBase:
    principal = request_principal(request)
    if principal is ANONYMOUS:
        return redirect(f"{reverse('login')}?{urlencode({'next': request.path})}")
    principal.require(Permission.CATALOG_VIEW)
    settings = {"layout": "BaseLayout", "deepLinking": True, "url": reverse("openapi-json"), "validatorUrl": None}
    return render(request, "api_docs.html", {"swagger_settings": orjson.dumps(settings).decode()})

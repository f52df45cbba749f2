"""Credentials and permission of one API operation: ``@router.get("/x", auth=permitted(Permission.CATALOG_VIEW))``.

A bearer token is enough by itself; a session's cookie needs the CSRF token on unsafe methods.
"""

from typing import Any

from django.http import HttpRequest
from ninja.security.apikey import APIKeyCookie
from ninja.security.base import AuthBase
from ninja.security.http import HttpBearer

from core.authentication import bearer_token, request_principal
from core.errors import NotAuthenticated, PermissionDenied
from core.permissions import ANONYMOUS, Permission, Principal


def _permit(request: HttpRequest, permission: Permission) -> Principal:
    principal = request_principal(request)
    if principal is ANONYMOUS:
        raise NotAuthenticated("Send a bearer token, or sign in")
    principal.require(permission)
    return principal


class TokenAuth(HttpBearer):
    def __init__(self, permission: Permission) -> None:
        self.permission = permission
        super().__init__()

    def authenticate(self, request: HttpRequest, _token: str) -> Principal:
        return _permit(request, self.permission)


class SessionAuth(APIKeyCookie):
    param_name = "session"

    def __init__(self, permission: Permission) -> None:
        self.permission = permission
        super().__init__()

    def __call__(self, request: HttpRequest) -> Principal | None:
        # A request with a bearer token was decided by TokenAuth, and carries no cookie to protect.
        if bearer_token(request) is not None:
            return None
        if request_principal(request) is ANONYMOUS:
            raise NotAuthenticated("Send a bearer token, or sign in")
        return super().__call__(request)

    def authenticate(self, request: HttpRequest, _key: str | None) -> Principal:
        return _permit(request, self.permission)


class DenyUndeclared(AuthBase):
    """The default of the API: an operation that declares no permission is refused."""

    openapi_type = "http"

    def __call__(self, _request: HttpRequest) -> Any:
        raise PermissionDenied("This operation declares no permission")


def permitted(permission: Permission) -> list[AuthBase]:
    return [TokenAuth(permission), SessionAuth(permission)]

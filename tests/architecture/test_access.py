"""Deny by default: every address and every operation says what it takes to use it."""

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from ninja.operation import Operation

from core.api import api
from core.api_auth import SessionAuth, TokenAuth
from core.permissions import PUBLIC, SIGNED_IN, Permission
from ops.definitions.desk import Desk

GUARD_THEMSELVES = ("admin/", "api/v1/")
PUBLIC_ROUTES = {
    "login", "logout", "admin/login/", "admin/password_change/", "healthz", "readyz", "metrics", "sd/prometheus",
    "ping/", "api/push/", "api/<int:project>/", "favicon.ico", "api/v1/openapi.json", "api/v1/docs",
}  # fmt: skip


def routes(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, route)
        else:
            yield route, pattern


def operations() -> Iterator[tuple[str, Operation]]:
    for prefix, router in api._routers:
        for path, view in router.path_operations.items():
            for operation in view.operations:
                yield f"{'/'.join(operation.methods)} {prefix}{path}", operation


def test_every_address_declares_its_permission() -> None:
    undeclared = [
        route
        for route, pattern in routes(get_resolver())
        if not route.startswith(GUARD_THEMSELVES) and getattr(pattern.callback, "required_permission", None) is None
    ]
    assert undeclared == []


def test_the_views_of_every_desk_take_an_editor() -> None:
    """They are methods: what one declares must be seen on each of its desks."""
    desks = set()
    for route, pattern in routes(get_resolver()):
        desk = getattr(pattern.callback, "__self__", None)
        if isinstance(desk, Desk):
            desks.add(desk.slug)
            assert getattr(pattern.callback, "required_permission", None) is Permission.CATALOG_EDIT, route
    assert desks == {"check", "queue", "breaker-source"}


def test_a_declared_permission_is_one_of_the_enum() -> None:
    for route, pattern in routes(get_resolver()):
        declared = getattr(pattern.callback, "required_permission", None)
        assert declared in {None, PUBLIC, SIGNED_IN, *Permission}, route


def test_what_is_public_is_known() -> None:
    public = {
        route for route, pattern in routes(get_resolver())
        if getattr(pattern.callback, "required_permission", None) == PUBLIC
    }  # fmt: skip
    assert {route for route in public if not route.startswith(tuple(PUBLIC_ROUTES))} == set()


def test_every_operation_of_the_api_declares_its_permission() -> None:
    found = list(operations())
    assert found
    for name, operation in found:
        token, session = operation.auth_callbacks
        assert isinstance(token, TokenAuth), name
        assert isinstance(session, SessionAuth), name
        assert token.permission is session.permission, name


@pytest.mark.django_db
def test_a_stranger_gets_into_nothing(client: Client) -> None:
    closed = [
        route
        for route, pattern in routes(get_resolver())
        if getattr(pattern.callback, "required_permission", None) != PUBLIC and not set("<(^") & set(route)
    ]
    for route in set(closed) - {"admin/login/", "admin/logout/", "admin/password_change/"}:
        response = client.get("/" + route)
        assert response.status_code in {302, 401, 404, 405}, (route, response.status_code)
        if response.status_code == 302:
            assert "login" in response["Location"], route


@pytest.mark.django_db
def test_a_stranger_gets_nothing_from_the_api(client: Client) -> None:
    for name, _ in operations():
        method, _, path = name.partition(" ")
        concrete = path.replace("{", "").replace("}", "").replace("path:", "")
        response = client.generic(method.split("/")[0], f"/api/v1{concrete}")
        assert response.status_code == 401, (name, response.status_code)

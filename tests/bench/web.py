"""Requests through the real WSGI application, without a socket: what the platform itself does for one."""

from collections.abc import Callable
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit
from wsgiref.util import setup_testing_defaults

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.test import Client

from core.permissions import Role

type Application = Callable[..., Any]


class Browser:
    """A signed-in operator of a WSGI application. ``headers`` are of the last answer."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._cookie = _sign_in()
        self.headers: dict[str, str] = {}

    def get(self, address: str, *, expect: int = 200, **headers: str) -> bytes:
        return self._request("GET", address, expect, {"HTTP_COOKIE": self._cookie, **headers})

    def bare_get(self, address: str) -> bytes:
        """Without a session, as a machine asks."""
        return self._request("GET", address, 200, {})

    def _request(self, method: str, address: str, expect: int, headers: dict[str, str]) -> bytes:
        parts = urlsplit(address)
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method, "PATH_INFO": parts.path, "QUERY_STRING": parts.query, "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": "localhost", "wsgi.input": BytesIO(), **headers,
        }  # fmt: skip
        setup_testing_defaults(environ)
        answered = []

        def start_response(status: str, found: list[tuple[str, str]]) -> None:
            answered.append(int(status[:3]))
            self.headers = dict(found)

        response = self._application(environ, start_response)
        try:
            body = b"".join(response)
        finally:
            response.close()
        assert answered == [expect], (address, answered, body[:500])
        return body


def _sign_in() -> str:
    user, _created = User.objects.get_or_create(username="bench")
    user.groups.add(Group.objects.get_or_create(name=Role.OPERATOR.value)[0])
    client = Client()
    client.force_login(user)
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"

"""What every request gets."""

import json
import re
import time
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from prometheus_client import REGISTRY

from core.errors import IncompleteRequest
from core.middleware import BodyMiddleware
from core.permissions import Role
from core.web_bridge import BODY_FAULT

LIMIT = settings.BODY_LIMIT_BYTES


@pytest.fixture
def request_lines(capfd: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    def read() -> list[dict[str, Any]]:
        lines = [line for line in capfd.readouterr().err.splitlines() if '"http.request"' in line]
        assert all(line.isascii() and line.isprintable() for line in lines)
        return [json.loads(line) for line in lines]

    return read


def test_a_sane_request_id_is_kept_and_any_other_replaced(client: Client) -> None:
    assert client.get("/healthz", headers={"X-Request-ID": "deploy-42.a_b"})["X-Request-ID"] == "deploy-42.a_b"
    for bad in ("x" * 65, "has space in it", "new\\nline-in-it", "<script>alert</script>"):
        assert re.fullmatch(r"[0-9a-f]{32}", client.get("/healthz", headers={"X-Request-ID": bad})["X-Request-ID"])


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/healthz", "/no-such-page", "/api/v1/no-such-thing", "/admin/login/", "/login"])
def test_every_answer_carries_the_security_headers(client: Client, path: str) -> None:
    headers = client.get(path).headers

    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]


def test_a_request_is_one_line(client: Client, request_lines: Callable[[], list[dict[str, Any]]]) -> None:
    client.get("/healthz", headers={"X-Request-ID": "deploy-42"})

    [line] = request_lines()
    assert line["event"] == "http.request"
    assert (line["method"], line["path"], line["route"], line["status"]) == ("GET", "/healthz", "healthz", 200)
    assert (line["request_id"], line["principal"]) == ("deploy-42", "anonymous")
    assert line["duration_ms"] > 0


def test_an_error_is_one_line_as_well(
    client: Client, request_lines: Callable[[], list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_(_request: HttpRequest) -> HttpResponse:
        raise RuntimeError("broken")

    monkeypatch.setattr("core.endpoints.read_components", break_)
    client.raise_request_exception = False

    assert client.get("/readyz").status_code == 500
    assert client.get("/no\x1b[31m-such\npage\u2028\x9b").status_code == 404

    assert [(line["status"], line["route"]) for line in request_lines()] == [(500, "readyz"), (404, "unmatched")]


def test_the_secret_address_of_a_ping_is_not_logged(
    client: Client, request_lines: Callable[[], list[dict[str, Any]]], db: None
) -> None:
    client.get("/ping/0190f5c4-1b1c-7000-8000-000000000000/start")

    assert request_lines()[0]["path"] == "/ping/[redacted]"


def test_a_request_is_one_observation_with_bounded_labels(client: Client) -> None:
    def count(**labels: str) -> float:
        return REGISTRY.get_sample_value("quarterdeck_http_request_duration_seconds_count", labels) or 0

    before = count(method="other", route="healthz", status="200")
    client.generic("X-" + "Y" * 50, "/healthz")

    assert count(method="other", route="healthz", status="200") == before + 1


class TestBody:
    """A body over the limit is refused, and one that the server could not receive."""

    @staticmethod
    def send(body: bytes, **environ: object) -> tuple[HttpResponse, bytes]:
        seen: list[bytes] = []

        def view(request: HttpRequest) -> HttpResponse:
            seen.append(request.body)
            return HttpResponse("taken")

        request = RequestFactory().generic("POST", "/api/v1/x", data=b"", **environ)  # type: ignore[arg-type]
        request.META["wsgi.input"] = BytesIO(body)
        response = BodyMiddleware(view)(request)
        assert isinstance(response, HttpResponse)
        return response, seen[0] if seen else b""

    def test_a_stated_length_over_the_limit(self) -> None:
        response, _ = self.send(b"", CONTENT_LENGTH=str(LIMIT + 1))

        assert response.status_code == 413
        assert json.loads(response.content)["code"] == "payload_too_large"

    def test_a_body_that_did_not_arrive(self) -> None:
        response, _ = self.send(b"{", CONTENT_LENGTH="100", **{BODY_FAULT: IncompleteRequest("It ended too soon")})

        assert response.status_code == 400
        assert json.loads(response.content)["code"] == "incomplete_request"

    def test_through_the_whole_stack(self, client: Client) -> None:
        response = client.post("/api/v1/entities", data=b"x" * (LIMIT + 1), content_type="application/json")

        assert response.status_code == 413
        assert "Content-Security-Policy" in response.headers


@pytest.mark.django_db
class TestDatabaseDown:
    """A page whose database is away is a 503, and quickly."""

    @pytest.fixture(autouse=True)
    def _down(self, client_of: Callable[[Role], Client], monkeypatch: pytest.MonkeyPatch) -> None:
        self.client = client_of(Role.VIEWER)
        self.client.raise_request_exception = False

        def refuse(*_args: object, **_kwargs: object) -> None:
            raise OperationalError("could not connect to postgresql://user:secret@host")

        monkeypatch.setattr("django.db.backends.utils.CursorWrapper.execute", refuse)

    def test_a_page(self) -> None:
        started = time.monotonic()
        response = self.client.get("/")

        assert response.status_code == 503
        assert "secret" not in response.text
        assert response["Retry-After"] == "5"
        assert time.monotonic() - started < 5

    def test_an_api_call(self) -> None:
        response = self.client.get("/api/v1/entities")

        assert response.status_code == 503
        assert response.json()["code"] == "unavailable"

    def test_liveness_does_not_ask_it(self) -> None:
        assert self.client.get("/healthz").status_code == 200


@pytest.mark.parametrize(("path", "status"), [("/", 503), ("/api/v1/entities", 503), ("/healthz", 200)])
def test_while_the_database_is_silent_whoever_needs_it_is_told_at_once(
    client: Client, path: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.middleware.is_silent", lambda: True)

    assert client.get(path).status_code == status

"""Errors at the edge: every one becomes a problem document, a page or a fragment, and tells nothing of the inside."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from kombu.exceptions import OperationalError as BrokerError

from core import errors
from core.permissions import Role
from core.problems import STATUS_OF, answer_exception, problem_of

PAGE = "/somewhere"
API = "/api/v1/somewhere"


@pytest.fixture
def make_request(rf: RequestFactory) -> Callable[..., HttpRequest]:
    def make(path: str, **headers: str) -> HttpRequest:
        return rf.get(path, headers=headers)

    return make


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.ValidationFailed("x"), 422, "validation_failed"),
        (errors.NotAuthenticated("x"), 401, "not_authenticated"),
        (errors.PermissionDenied("x"), 403, "permission_denied"),
        (errors.NotFound("x"), 404, "not_found"),
        (errors.Conflict("x"), 409, "conflict"),
        (errors.HasDependencies("x"), 409, "has_dependencies"),
        (errors.StaleVersion("x"), 412, "stale_version"),
        (errors.PayloadTooLarge("x"), 413, "payload_too_large"),
        (errors.RateLimited("x", retry_after_seconds=7), 429, "rate_limited"),
        (errors.Unavailable("x"), 503, "unavailable"),
        (OperationalError("password=secret"), 503, "unavailable"),
        (BrokerError("redis://:secret@h"), 503, "unavailable"),
        (KeyError("secret"), 500, "internal_error"),
    ],
)
def test_each_error_has_its_status_and_code(
    make_request: Callable[..., HttpRequest], error: Exception, status: int, code: str
) -> None:
    response = answer_exception(make_request(API), error)

    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
    assert problem_of(error).code == code
    assert b"secret" not in response.content


def test_every_domain_error_is_in_the_table() -> None:
    def family(kind: type[errors.QuarterdeckError]) -> list[type[errors.QuarterdeckError]]:
        return [kind, *(member for child in kind.__subclasses__() for member in family(child))]

    general = {errors.QuarterdeckError}
    unmapped = [
        kind for kind in family(errors.QuarterdeckError)[1:] if not (STATUS_OF.keys() - general) & {*kind.__mro__}
    ]
    assert unmapped == []


def test_an_error_of_a_page_is_a_page(make_request: Callable[..., HttpRequest]) -> None:
    response = answer_exception(make_request(PAGE), errors.NotFound("There is no such entity"))

    assert response.status_code == 404
    assert "There is no such entity" in response.text
    assert "<html" in response.text.lower() or "<!doctype" in response.text.lower()


def test_an_error_of_an_htmx_request_is_a_fragment(make_request: Callable[..., HttpRequest]) -> None:
    response = answer_exception(make_request(PAGE, HX_Request="true"), errors.Conflict("Taken"))

    assert response.status_code == 409
    assert "Taken" in response.text
    assert "<!doctype" not in response.text.lower()


def test_hostile_text_is_escaped_on_the_page(make_request: Callable[..., HttpRequest]) -> None:
    response = answer_exception(make_request(PAGE), errors.NotFound("<script>alert(1)</script>"))

    assert "<script>alert" not in response.text


def test_a_page_whose_template_breaks_as_well_is_still_a_page(
    make_request: Callable[..., HttpRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: Any, **_kwargs: Any) -> HttpResponse:
        raise OperationalError("down")

    monkeypatch.setattr("core.problems.render", broken)

    response = answer_exception(make_request(PAGE), OperationalError("down"))

    assert response.status_code == 503
    assert "The database does not answer in time." in response.text


def test_a_retry_is_told_when(make_request: Callable[..., HttpRequest]) -> None:
    assert answer_exception(make_request(API), errors.RateLimited("x", retry_after_seconds=7))["Retry-After"] == "7"
    assert answer_exception(make_request(API), OperationalError("x"))["Retry-After"] == "5"


def test_what_may_work_in_a_moment_can_be_tried_again(
    make_request: Callable[..., HttpRequest], rf: RequestFactory
) -> None:
    lost = answer_exception(make_request("/checks?team=a&q=b"), OperationalError("x"))
    assert '<a class="button button-primary" href="/checks?team=a&amp;q=b">Try again</a>' in lost.text

    for answer in (
        answer_exception(rf.post("/checks"), OperationalError("x")),
        answer_exception(make_request("/checks/none"), errors.NotFound("x")),
    ):
        assert "Try again" not in answer.text
        assert "Go to the overview" in answer.text


@pytest.mark.django_db
class TestUnmatchedAddresses:
    def test_of_pages_are_a_page(self, client: Client) -> None:
        response = client.get("/no-such-page")

        assert response.status_code == 404
        assert response["Content-Type"].startswith("text/html")

    @pytest.mark.parametrize("path", ["/no-such-page", "/checks/none", "/entities/none"])
    def test_keep_the_frame_of_whoever_is_signed_in(
        self, client: Client, client_of: Callable[[Role], Client], path: str
    ) -> None:
        found = client_of(Role.VIEWER).get(path)

        assert found.status_code == 404
        assert 'id="rail"' in found.text
        assert 'role="search"' in found.text
        assert 'id="rail"' not in client.get("/no-such-page").text

    def test_of_somebody_without_a_role_show_nothing_of_the_fleet(
        self, client: Client, django_user_model: type[User]
    ) -> None:
        client.force_login(django_user_model.objects.create_user("nobody"))

        found = client.get("/no-such-page")

        assert (found.status_code, 'id="rail"' in found.text) == (404, False)

    def test_of_the_api_are_a_problem(self, client: Client) -> None:
        response = client.get("/api/v1/no-such-thing")

        assert response.status_code == 404
        assert response["Content-Type"] == "application/problem+json"
        assert response.json()["code"] == "not_found"


@pytest.mark.django_db
def test_a_request_without_a_session_is_asked_to_sign_in(client: Client) -> None:
    assert client.get("/").headers["Location"] == "/login?next=%2F"
    assert client.get("/", headers={"HX-Request": "true"}).headers["HX-Redirect"] == "/login?next=%2F&ended=1"


@pytest.mark.django_db
def test_malformed_json_is_a_problem(client_of: Callable[[Role], Client]) -> None:
    response = client_of(Role.EDITOR).post("/api/v1/entities", data=b'{"name": ', content_type="application/json")

    assert response.status_code in {400, 422}
    assert response["Content-Type"] == "application/problem+json"


@pytest.mark.django_db
def test_a_forged_form_is_refused() -> None:
    strict = Client(enforce_csrf_checks=True)

    response = strict.post("/login", {"username": "a", "password": "b"})

    assert response.status_code == 403
    assert "came from another site" in response.text

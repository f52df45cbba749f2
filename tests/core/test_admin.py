"""Audit, tokens and users in the admin."""

import datetime as dt
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from core.authentication import principal_of_token
from core.models import ApiToken, AuditEntry
from core.permissions import Role, system_principal
from core.tokens import create_token

pytestmark = pytest.mark.django_db

TOKENS = "/admin/core/apitoken/"
AUDIT = "/admin/core/auditentry/"
USERS = "/admin/auth/user/"


@pytest.fixture
def client(client_of: Callable[[Role], Client]) -> Client:
    return client_of(Role.ADMIN)


def test_a_token_is_shown_once_and_not_kept_by_the_browser(client: Client) -> None:
    response = client.post(f"{TOKENS}add/", {"name": "ci", "role": "operator", "lifetime": "90d"})

    assert "no-store" in response.headers["Cache-Control"]
    secret = response.context["token"].secret
    assert secret in response.content.decode()
    assert principal_of_token(secret).name == "token:ci"
    token = ApiToken.objects.get()
    assert token.expires_at is not None
    assert secret not in client.get(f"{TOKENS}{token.pk}/change/").content.decode()
    assert AuditEntry.objects.get(action="token.create").actor == "user:admin"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "taken"}, "used before"),
        ({"name": "a b"}, "1 to 64 letters"),
        ({"lifetime": "soon"}, "expected a duration"),
    ],
)
def test_what_is_wrong_with_a_token_stands_in_the_form(client: Client, fields: dict[str, str], message: str) -> None:
    create_token(principal=system_principal("tester"), name="taken", role="viewer")

    response = client.post(f"{TOKENS}add/", {"name": "ci", "role": "viewer", "lifetime": "", **fields})

    assert response.status_code == 200
    assert message in str(response.context["adminform"].form.errors) or "already exists" in response.content.decode()
    assert ApiToken.objects.count() == 1


def test_tokens_are_revoked_and_never_deleted(client: Client) -> None:
    create_token(principal=system_principal("tester"), name="ci", role="viewer")
    token = ApiToken.objects.get()

    client.post(TOKENS, {"action": "revoke", "_selected_action": [token.pk]})

    token.refresh_from_db()
    assert token.revoked_at is not None
    assert "revoked" in client.get(TOKENS).content.decode()
    assert AuditEntry.objects.get(action="token.revoke").actor == "user:admin"
    assert client.post(f"{TOKENS}{token.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.post(f"{TOKENS}{token.pk}/change/", {"name": "x", "role": "admin"}).status_code == 403


def test_the_audit_is_searched_and_read_but_not_written(client: Client) -> None:
    create_token(principal=system_principal("tester"), name="ci", role="viewer")
    entry = AuditEntry.objects.get()

    assert "token.create" in client.get(f"{AUDIT}?q=ci&action=token.create").content.decode()
    assert "1 audit entry" in client.get(f"{AUDIT}?target_type=token").content.decode()
    assert "&quot;role&quot;: &quot;viewer&quot;" in client.get(f"{AUDIT}{entry.pk}/change/").content.decode()
    assert client.get(f"{AUDIT}add/").status_code == 403
    assert client.post(f"{AUDIT}{entry.pk}/change/", {"actor": "x"}).status_code == 403
    assert client.post(f"{AUDIT}{entry.pk}/delete/", {"post": "yes"}).status_code == 403


def test_only_admins_reach_tokens_and_users(client_of: Callable[[Role], Client]) -> None:
    for role in (Role.EDITOR, Role.OPERATOR):
        client = client_of(role)
        for path in (TOKENS, f"{TOKENS}add/", USERS, f"{USERS}add/", "/admin/auth/group/"):
            assert client.get(path).status_code in {403, 404}
        assert client.get(AUDIT).status_code == 200
    assert client_of(Role.VIEWER).get("/admin/").status_code == 302


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "yesterday"])
def test_a_moment_that_the_audit_cannot_be_asked_for_is_passed_over(client: Client, moment: str) -> None:
    response = client.get(AUDIT, {"at__gte": moment})

    assert (response.status_code, response["Location"]) == (302, f"{AUDIT}?e=1")
    assert client.get(AUDIT, {"at__gte": "2026-01-01 00:00:00+00:00"}).status_code == 200


def test_changes_of_users_and_roles_are_audited(client: Client) -> None:
    client.post(
        f"{USERS}add/",
        {"username": "ada", "password1": "engine-1843", "password2": "engine-1843", "usable_password": "true"},
    )
    ada = User.objects.get(username="ada")
    roles = [Group.objects.get_or_create(name="editor")[0].pk]
    fields = {"username": "ada", "is_active": "on", "is_staff": "on", "groups": roles}
    client.post(f"{USERS}{ada.pk}/change/", fields)
    password = {"password1": "difference-2", "password2": "difference-2", "usable_password": "true"}
    client.post(f"{USERS}{ada.pk}/password/", {**password, "set-password": "x"})
    client.post(f"{USERS}{ada.pk}/delete/", {"post": "yes"})

    entries = AuditEntry.objects.filter(target_name="ada").order_by("id")
    assert [entry.action for entry in entries] == ["user.create", "user.update", "user.set_password", "user.delete"]
    assert (entries[1].before, entries[1].after) == (
        {"is_staff": False, "roles": []},
        {"is_staff": True, "roles": ["editor"]},
    )
    assert {entry.actor for entry in entries} == {"user:admin"}
    assert "pbkdf2" not in str(list(AuditEntry.objects.values_list()))


def test_every_page_of_access_opens(client: Client) -> None:
    user = User.objects.get(username="admin")

    for path in ("/admin/", "/admin/core/", TOKENS, f"{TOKENS}add/", AUDIT, USERS, f"{USERS}{user.pk}/change/"):
        assert client.get(path).status_code == 200


def test_the_admin_leads_back_to_the_dashboard_in_its_colours(client: Client) -> None:
    page = client.get("/admin/").content.decode()

    assert '<a href="/">Dashboard</a>' in page
    assert "css/admin." in page
    assert "View site" not in page


def test_moments_are_iso_dates_in_24_hours_and_say_utc(client: Client) -> None:
    token = create_token(principal=system_principal("tester"), name="ci", role="viewer")
    at = dt.datetime(2026, 3, 4, 15, 4, 5, tzinfo=dt.UTC)
    ApiToken.objects.filter(uid=token.uid).update(created_at=at)

    row = ApiToken.objects.get(uid=token.uid)
    for path in (TOKENS, f"{TOKENS}{row.pk}/change/"):
        assert "2026-03-04 15:04:05 UTC" in client.get(path).content.decode()

"""Everybody changes their own password: audited, limited, and the end of their other sessions."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client

from core import sign_in_limit
from core.errors import PermissionDenied
from core.ids import uuid7_hex
from core.models import AuditEntry
from core.permissions import Principal, Role
from core.users import change_own_password

pytestmark = pytest.mark.django_db

PAGE = "/account/password"
OLD, NEW = "lovelace", "engine-1843"


@pytest.fixture(autouse=True)
def _limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in_limit, "_KEY", f"test:{uuid7_hex()}")
    monkeypatch.setattr(sign_in_limit, "FAILURES_PER_ACCOUNT", 2)
    monkeypatch.setattr(settings, "PASSWORD_HASHERS", ["django.contrib.auth.hashers.MD5PasswordHasher"])


@pytest.fixture
def viewer_client(client_of: Callable[[Role], Client]) -> Client:
    client_of(Role.VIEWER)
    user = User.objects.get(username="viewer")
    user.set_password(OLD)
    user.save()
    return client_of(Role.VIEWER)


def change(client: Client, *, current: str = OLD, new: str = NEW, repeated: str | None = None) -> HttpResponse:
    fields = {"current": current, "new": new, "repeated": new if repeated is None else repeated}
    return client.post(PAGE, fields)  # type: ignore[return-value]


def test_a_viewer_changes_their_password_and_only_their_other_sessions_end(
    viewer_client: Client, client_of: Callable[[Role], Client]
) -> None:
    elsewhere = client_of(Role.VIEWER)

    response = change(viewer_client)

    assert (response.status_code, response["Location"]) == (302, PAGE)
    assert "Your password is changed" in viewer_client.get(PAGE).content.decode()
    assert elsewhere.get("/")["Location"].startswith("/login")
    assert User.objects.get().check_password(NEW)
    [entry] = AuditEntry.objects.all()
    assert (entry.actor, entry.action, entry.target_name) == ("user:viewer", "user.change_password", "viewer")
    assert (entry.before, entry.after) == (None, None)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"current": "babbage"}, "Is not your password"),
        ({"current": ""}, "Is missing"),
        ({"new": "short"}, "This password is too short."),
        ({"new": "password"}, "This password is too common."),
        ({"new": "viewer-1"}, "too similar to the username"),
        ({"new": "engine\x001843"}, "This password has control characters"),
        ({"new": " " * 10}, "This password is only white space"),
        ({"new": "é1" * 2049}, "at most 4,096 characters"),
        ({"new": OLD}, "Is the current one"),
        ({"repeated": "engine-1844"}, "Is not the same as the new password"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(viewer_client: Client, fields: dict[str, str], message: str) -> None:
    response = change(viewer_client, **fields)

    assert response.status_code == 422
    assert message in response.content.decode()
    assert "engine-18" not in response.content.decode()
    assert User.objects.get().check_password(OLD)
    assert not AuditEntry.objects.exists()


def test_wrong_passwords_are_limited_together_with_those_at_sign_in(viewer_client: Client) -> None:
    change(viewer_client, current="guess")
    Client().post("/login", {"username": "viewer", "password": "guess"})

    refused = change(viewer_client)

    assert refused.status_code == 429
    assert 0 < int(refused["Retry-After"]) <= sign_in_limit.WINDOW_SECONDS
    assert "Too many wrong passwords. Try again in 5 minutes." in refused.content.decode()


def test_a_success_is_no_try(viewer_client: Client) -> None:
    passwords = [OLD, *(f"engine-184{number}" for number in range(4))]
    for current, new in pairwise(passwords):
        assert change(viewer_client, current=current, new=new).status_code == 302


def test_it_is_in_the_menu_of_everybody_and_where_the_admin_leads(client_of: Callable[[Role], Client]) -> None:
    for role in Role:
        assert f'href="{PAGE}"' in client_of(role).get("/").content.decode()
    redirected = client_of(Role.ADMIN).get("/admin/password_change/")
    assert (redirected.status_code, redirected["Location"]) == (302, PAGE)


def test_who_holds_no_role_changes_it_and_sees_nothing_of_the_fleet() -> None:
    client = Client()
    client.force_login(User.objects.create_user("ada", password=OLD))

    page = client.get(PAGE).content.decode()

    assert "You are signed in as <strong>ada</strong>. A new password ends all your other sessions." in page
    assert "readonly" not in page
    assert 'id="rail"' not in page
    assert change(client).status_code == 302
    assert "Your password is changed" in client.get(PAGE).content.decode()


def test_who_holds_no_role_is_told_and_can_leave() -> None:
    client = Client()
    client.force_login(User.objects.create_user("ada", password=OLD))

    refused = client.get("/")
    page = refused.content.decode()

    assert refused.status_code == 403
    assert "You are signed in as <strong>ada</strong>, who has no role yet. An administrator can give you one." in page
    assert f'href="{PAGE}"' in page
    for held in (page, client.get(PAGE).content.decode()):
        assert 'action="/logout"' in held
        assert "Sign out</button>" in held
        assert '<a class="button button-primary" href="/">' not in held
        assert "Cancel" not in held
    assert client.post("/logout")["Location"].startswith("/login")


def test_who_lacks_a_permission_is_told_who_can_give_the_role(viewer_client: Client) -> None:
    page = viewer_client.get("/new/entity").content.decode()

    assert "The role editor has it." in page
    assert "You are signed in as <strong>viewer</strong>. An administrator can give you another role." in page
    assert "Go to the overview" in page
    assert "You are signed in as" not in viewer_client.get("/nowhere").content.decode()


def test_a_stranger_signs_in_first() -> None:
    assert Client().get(PAGE)["Location"] == "/login?next=%2Faccount%2Fpassword"


def test_nobody_changes_that_of_another(viewer: Principal) -> None:
    other = User.objects.create_user("ada", password=OLD)

    with pytest.raises(PermissionDenied):
        change_own_password(principal=viewer, user=other, address="", current=OLD, new=NEW)

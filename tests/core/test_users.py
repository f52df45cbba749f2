"""People who sign in: every change is audited, and somebody can always manage access."""

from collections.abc import Callable, Mapping

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from core.errors import Conflict, PermissionDenied, ValidationFailed
from core.models import AuditEntry
from core.permissions import Principal, Role, system_principal
from core.users import LAST_ADMINISTRATOR, administrators, create_administrator, delete_users, set_password, update_user

pytestmark = pytest.mark.django_db

TESTER = system_principal("tester")
USERS = "/admin/auth/user/"


@pytest.fixture
def client(client_of: Callable[[Role], Client]) -> Client:
    return client_of(Role.ADMIN)


@pytest.fixture
def admin(client: Client) -> User:
    return User.objects.get(username="admin")


def fields_of(user: User, **changed: object) -> Mapping[str, object]:
    fields = {
        "username": user.username, "is_active": "on", "is_staff": "on",
        "groups": list(user.groups.values_list("pk", flat=True)), **changed,
    }  # fmt: skip
    return {name: value for name, value in fields.items() if value}


@pytest.mark.parametrize("lost", ["is_active", "is_staff", "groups"])
def test_the_last_administrator_loses_nothing_that_makes_one(client: Client, admin: User, lost: str) -> None:
    response = client.post(f"{USERS}{admin.pk}/change/", fields_of(admin, **{lost: ""}))

    assert response.status_code == 200
    assert LAST_ADMINISTRATOR in response.content.decode()
    assert list(administrators()) == [admin]
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("{pk}/delete/", {"post": "yes"}),
        ("", {"action": "delete_selected", "_selected_action": "{pk}", "post": "yes"}),
        ("{pk}/password/", {"usable_password": "false", "unset-password": "x"}),
    ],
)
def test_the_last_administrator_is_not_removed(
    client: Client, admin: User, path: str, fields: Mapping[str, str]
) -> None:
    given = {name: value.format(pk=admin.pk) for name, value in fields.items()}

    response = client.post(USERS + path.format(pk=admin.pk), given, follow=True)

    assert LAST_ADMINISTRATOR in response.content.decode()
    assert list(administrators()) == [admin]
    assert not AuditEntry.objects.exists()
    assert not admin.logentry_set.exists()


def test_with_another_administrator_everything_goes(client: Client, admin: User) -> None:
    create_administrator(principal=TESTER, username="ada", password="engine-1843")

    client.post(f"{USERS}{admin.pk}/delete/", {"post": "yes"})

    assert [user.username for user in administrators()] == ["ada"]


def test_who_cannot_sign_in_is_no_administrator(admin: User) -> None:
    create_administrator(principal=TESTER, username="ada")

    assert list(administrators()) == [admin]
    with pytest.raises(Conflict):
        delete_users(principal=TESTER, users=[admin])


def test_where_nobody_manages_access_passwords_are_still_set() -> None:
    user = User.objects.create_user("ada")

    set_password(principal=TESTER, user=user, password="engine-1843")

    assert user.check_password("engine-1843")


def test_superuser_status_is_enough(client: Client, admin: User) -> None:
    client.post(f"{USERS}{admin.pk}/change/", fields_of(admin, groups="", is_superuser="on"))

    assert not Group.objects.filter(user=admin).exists()
    assert list(administrators()) == [admin]


def test_editors_manage_no_users(editor: Principal, admin: User) -> None:
    for write in (
        lambda: update_user(principal=editor, user=admin, roles=[]),
        lambda: delete_users(principal=editor, users=[admin]),
        lambda: set_password(principal=editor, user=admin, password="difference-2"),
        lambda: create_administrator(principal=editor, username="eve"),
    ):
        with pytest.raises(PermissionDenied):
            write()


@pytest.mark.parametrize("password", ["engine\x001843", "engine\r1843", "engine\udcff1843", " " * 10, "é1" * 2049])
def test_nobody_is_given_a_password_that_the_sign_in_form_would_refuse(admin: User, password: str) -> None:
    with pytest.raises(ValidationFailed):
        set_password(principal=TESTER, user=admin, password=password)
    with pytest.raises(ValidationFailed):
        create_administrator(principal=TESTER, username="ada", password=password)

    assert not AuditEntry.objects.exists()


def test_a_password_that_is_set_is_audited_without_it(client: Client, admin: User) -> None:
    given = {"password1": "difference-2", "password2": "difference-2", "usable_password": "true", "set-password": "x"}
    client.post(f"{USERS}{admin.pk}/password/", given)

    admin.refresh_from_db()
    assert admin.check_password("difference-2")
    [entry] = AuditEntry.objects.all()
    assert (entry.actor, entry.action, entry.before, entry.after) == ("user:admin", "user.set_password", None, None)
    assert client.get("/").status_code == 200


def test_the_form_of_a_user_says_what_each_switch_gives(client: Client, admin: User) -> None:
    page = client.get(f"{USERS}{admin.pk}/change/").content.decode()

    assert "What they may do: viewer, operator, editor or admin" in page
    assert "Opens this admin to them." in page

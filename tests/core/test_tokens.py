"""Bearer tokens: made once, stored as a hash, valid until they expire or are revoked."""

import datetime as dt
import io

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.test import Client

from core.authentication import principal_of_token
from core.errors import Conflict, NotAuthenticated, NotFound, PermissionDenied, ValidationFailed
from core.models import ApiToken, AuditEntry
from core.permissions import ROLE_PERMISSIONS, Permission, Principal, Role, system_principal
from core.tokens import create_token, revoke_token

pytestmark = pytest.mark.django_db

ADMIN = system_principal("tester")


def command(*arguments: str) -> list[str]:
    output = io.StringIO()
    call_command(*arguments, stdout=output)
    return output.getvalue().splitlines()


def test_a_token_acts_with_the_permissions_of_its_role() -> None:
    secret = create_token(principal=ADMIN, name="ci", role="operator").secret

    principal = principal_of_token(secret)

    assert principal == Principal(name="token:ci", permissions=ROLE_PERMISSIONS[Role.OPERATOR])


def test_the_secret_is_nowhere_in_the_database() -> None:
    secret = create_token(principal=ADMIN, name="ci", role="viewer").secret

    stored = [*ApiToken.objects.values_list(), *AuditEntry.objects.values_list()]
    assert secret not in str(stored)
    assert secret.removeprefix("qd_") not in str(stored)


def test_a_token_ends_when_it_expires() -> None:
    with time_machine.travel("2026-01-01T00:00:00Z", tick=False):
        secret = create_token(principal=ADMIN, name="ci", role="viewer", lifetime=dt.timedelta(days=90)).secret
    with time_machine.travel("2026-03-31T23:59:59Z"):
        principal_of_token(secret)
    with time_machine.travel("2026-04-01T00:00:00Z"), pytest.raises(NotAuthenticated):
        principal_of_token(secret)


def test_a_revoked_token_ends_at_once() -> None:
    secret = create_token(principal=ADMIN, name="ci", role="viewer").secret

    assert revoke_token(principal=ADMIN, name="ci") is True
    assert revoke_token(principal=ADMIN, name="ci") is False

    with pytest.raises(NotAuthenticated):
        principal_of_token(secret)
    assert AuditEntry.objects.filter(action="token.revoke").count() == 1
    assert Client(headers={"Authorization": f"Bearer {secret}"}).get("/api/v1/entities").status_code == 401


def test_the_last_use_is_noted() -> None:
    secret = create_token(principal=ADMIN, name="ci", role="viewer").secret
    assert ApiToken.objects.get().last_used_at is None

    principal_of_token(secret)

    assert ApiToken.objects.get().last_used_at is not None


def test_only_admins_make_and_revoke_tokens(editor: Principal) -> None:
    create_token(principal=ADMIN, name="ci", role="viewer")

    with pytest.raises(PermissionDenied):
        create_token(principal=editor, name="mine", role="admin")
    with pytest.raises(PermissionDenied):
        revoke_token(principal=editor, name="ci")


def test_what_is_wrong_with_a_token_is_said() -> None:
    create_token(principal=ADMIN, name="ci", role="viewer")

    with pytest.raises(Conflict):
        create_token(principal=ADMIN, name="ci", role="viewer")
    for name, role, lifetime in (("a b", "viewer", None), ("x", "king", None), ("x", "viewer", dt.timedelta(0))):
        with pytest.raises(ValidationFailed):
            create_token(principal=ADMIN, name=name, role=role, lifetime=lifetime)
    with pytest.raises(NotFound):
        revoke_token(principal=ADMIN, name="nope")


def test_the_command_prints_the_token_alone_on_its_last_line() -> None:
    lines = command("create_token", "ci", "--role", "operator", "--expires", "90d")

    assert principal_of_token(lines[-1]).name == "token:ci"
    assert AuditEntry.objects.get(action="token.create").actor == "system:command-line"
    assert command("revoke_token", "ci") == ["Token ci is revoked"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("create_token", "a b", "--role", "viewer"),
        ("create_token", "ci", "--role", "viewer", "--expires", "soon"),
        ("create_token", "ci", "--role", "viewer", "--expires", "0s"),
        ("revoke_token", "nope"),
    ],
)
def test_a_command_that_cannot_ends_with_one_line_and_2(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError) as caught:
        command(*arguments)

    assert caught.value.returncode == 2
    assert "\n" not in str(caught.value)


def test_who_lacks_a_permission_reads_which_role_has_it() -> None:
    with pytest.raises(PermissionDenied, match=r"permission catalog\.edit, which ada lacks\. The role editor has it\."):
        Principal(name="user:ada", permissions=frozenset()).require(Permission.CATALOG_EDIT)

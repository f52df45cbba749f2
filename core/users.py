"""People who sign in: made, changed, deleted, given a password. Every write is audited, and no password with it."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import Group, User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet

from core.audit import record_action
from core.authentication import principal_of_user
from core.errors import Conflict, FieldError, PermissionDenied, ValidationFailed
from core.passwords import fault_of
from core.permissions import Permission, Principal, Role
from core.sign_in_limit import count_try, forget_try, limits_of

LAST_ADMINISTRATOR = (
    "This is the last administrator. Make another one first: an active user with a password, staff status, "
    "and the role admin or superuser status."
)


def administrators() -> QuerySet[User]:
    """Who can sign in to the admin and manage access there."""
    holders = User.objects.filter(Q(is_superuser=True) | Q(groups__name=Role.ADMIN.value))
    return holders.filter(is_active=True, is_staff=True).exclude(password__startswith=UNUSABLE_PASSWORD_PREFIX)


@contextlib.contextmanager
def _an_administrator_remains() -> Iterator[None]:
    """A transaction that ends with ``Conflict`` when it would take the last one who can manage access."""
    with transaction.atomic():
        # One at a time: two administrators who delete each other must not both find that one is left.
        list(Group.objects.select_for_update().filter(name=Role.ADMIN.value))
        had_one = administrators().exists()
        yield
        if had_one and not administrators().exists():
            raise Conflict(LAST_ADMINISTRATOR)


@transaction.atomic
def create_administrator(
    *, principal: Principal, username: str, email: str | None = None, password: str | None = None
) -> User:
    """A superuser with the role admin. Without a password nobody can sign in as them. Raises ``ValidationFailed``."""
    principal.require(Permission.ACCESS_MANAGE)
    _check_typable(password)
    user = User.objects.create_superuser(username, email, password)
    user.groups.add(Group.objects.get_or_create(name=Role.ADMIN.value)[0])
    _record(principal, user, "user.create", after=_describe(user))
    return user


@transaction.atomic
def create_user(*, principal: Principal, user: User) -> None:
    """Store a new user, who holds no role yet."""
    principal.require(Permission.ACCESS_MANAGE)
    user.save(force_insert=True)
    _record(principal, user, "user.create", after=_describe(user))


def update_user(*, principal: Principal, user: User, roles: Iterable[Group]) -> None:
    """Store what was changed of the user, and exactly these roles.

    Raises ``Conflict`` when nobody would be left who can manage access.
    """
    principal.require(Permission.ACCESS_MANAGE)
    with _an_administrator_remains():
        before = _describe(User.objects.select_for_update().get(pk=user.pk))
        user.save(force_update=True)
        user.groups.set(roles)
        after = _describe(user)
        if changed := [name for name, value in after.items() if before[name] != value]:
            _record(
                principal,
                user,
                "user.update",
                before={name: before[name] for name in changed},
                after={name: after[name] for name in changed},
            )


def delete_users(*, principal: Principal, users: Iterable[User]) -> None:
    """Delete them all or none. Raises ``Conflict`` when nobody would be left who can manage access."""
    principal.require(Permission.ACCESS_MANAGE)
    with _an_administrator_remains():
        for user in users:
            _record(principal, user, "user.delete", before=_describe(user))
            user.delete()


def set_password(*, principal: Principal, user: User, password: str | None) -> None:
    """Give somebody a password, or with None take it away; either ends all their sessions.

    Raises ``ValidationFailed``, and ``Conflict`` when nobody would be left who can manage access.
    """
    principal.require(Permission.ACCESS_MANAGE)
    _check_typable(password)
    with _an_administrator_remains():
        user.set_password(password)
        user.save(update_fields=["password"])
        _record(principal, user, "user.set_password")


def change_own_password(*, principal: Principal, user: User, address: str, current: str, new: str) -> None:
    """``principal`` is the user, and ``address`` where they ask from; it ends their sessions.

    Wrong current passwords count as failed sign-ins. Raises ``RateLimited`` and ``ValidationFailed``.
    """
    if principal.name != principal_of_user(user).name:
        raise PermissionDenied("Only one's own password is changed here")
    if not current:
        raise _wrong("current", "is missing")
    limits = limits_of(user.get_username(), address)
    count_try(limits)
    if not user.check_password(current):
        raise _wrong("current", "is not your password")
    forget_try(limits)
    if new == current:
        raise _wrong("new", "is the current one")
    try:
        validate_password(new, user)
    except ValidationError as error:
        raise _wrong("new", " ".join(error.messages)) from None
    with transaction.atomic():
        user.set_password(new)
        user.save(update_fields=["password"])
        _record(principal, user, "user.change_password")


def _check_typable(password: str | None) -> None:
    """All that is asked of who manages access: whether it is a good one, forms and commands have looked at."""
    if password is not None and (fault := fault_of(password)):
        raise _wrong("password", fault)


def _wrong(field: str, message: str) -> ValidationFailed:
    return ValidationFailed("The password is not changed", errors=(FieldError(field, message),))


def _describe(user: User) -> dict[str, Any]:
    return {
        "username": user.username,
        "email": user.email,
        "name": user.get_full_name(),
        "is_active": user.is_active,
        "is_staff": user.is_staff,
        "is_superuser": user.is_superuser,
        "roles": sorted(user.groups.values_list("name", flat=True)),
    }


def _record(
    principal: Principal,
    user: User,
    action: str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    record_action(
        principal=principal, action=action, target_type="user", target_uid=str(user.pk), target_name=user.username,
        before=before, after=after,
    )  # fmt: skip

"""From credentials to a principal: the session's user, or a bearer token."""

import hashlib
import secrets

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from core.errors import NotAuthenticated
from core.models import ApiToken
from core.permissions import ANONYMOUS, ROLE_PERMISSIONS, Permission, Principal, Role

TOKEN_PREFIX = "qd_"  # noqa: S105 - a public prefix, so that scanners recognise a leaked token
LAST_USE_GRANULARITY_SECONDS = 60
"""``last_used_at`` is written at most once in this time, so that reading with a token does not always write."""


def hash_token(secret: str) -> str:
    """SHA-256 in hex. The secret has 256 random bits, so a slow hash would add nothing."""
    return hashlib.sha256(secret.encode()).hexdigest()


def new_token_secret() -> str:
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def principal_of_user(user: User) -> Principal:
    if user.is_superuser:
        permissions = frozenset(Permission)
    else:
        roles = [Role(name) for name in _group_names(user) if name in Role]
        permissions = frozenset().union(*(ROLE_PERMISSIONS[role] for role in roles))
    return Principal(name=f"user:{user.get_username()}", permissions=permissions)


def _group_names(user: User) -> list[str]:
    """By hand: it is asked with every request, and the ORM takes longer to write the statement than all else here."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM auth_group JOIN auth_user_groups ON auth_group.id = group_id WHERE user_id = %s",
            [user.pk],
        )
        return [row[0] for row in cursor.fetchall()]


def principal_of_token(secret: str) -> Principal:
    """The principal of a valid token.

    Raises ``NotAuthenticated`` when the token is unknown, expired or revoked; the message does not tell which.
    """
    now = timezone.now()
    token = (
        ApiToken.objects.filter(digest=hash_token(secret), revoked_at=None)
        .filter(Q(expires_at=None) | Q(expires_at__gt=now))
        .first()
    )
    if token is None:
        raise NotAuthenticated("The bearer token is unknown, expired or revoked")
    if token.last_used_at is None or (now - token.last_used_at).total_seconds() > LAST_USE_GRANULARITY_SECONDS:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return Principal(name=f"token:{token.name}", permissions=ROLE_PERMISSIONS[Role(token.role)])


def bearer_token(request: HttpRequest) -> str | None:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" and value.strip() else None


def principal_of_session(request: HttpRequest) -> Principal:
    user = request.user
    return principal_of_user(user) if isinstance(user, User) and user.is_active else ANONYMOUS


def request_principal(request: HttpRequest) -> Principal:
    """The principal that ``core.middleware`` found for this request."""
    principal: Principal = request.principal  # type: ignore[attr-defined]
    return principal

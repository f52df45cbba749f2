"""Bearer tokens for programs: made, revoked, listed. ``core.authentication`` reads them."""

import datetime as dt
from dataclasses import dataclass
from typing import Annotated

from django.db import IntegrityError, transaction
from django.utils import timezone
from pydantic import AfterValidator, BaseModel, ConfigDict

from core.audit import record_action
from core.authentication import hash_token, new_token_secret
from core.errors import Conflict, FieldError, NotFound, ValidationFailed
from core.models import ApiToken
from core.permissions import Permission, Principal, Role
from core.text import spelled
from core.validation import parse_model

LIFETIME_MAX = dt.timedelta(days=3650)


class TokenDefinition(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[
        str,
        AfterValidator(
            spelled(
                r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}",
                "must be 1 to 64 letters, digits, dots, _ and -, and begin with a letter or a digit",
            )
        ),
    ]
    role: Role


@dataclass(frozen=True, slots=True)
class NewToken:
    """``secret`` is shown this once; the database holds its hash alone."""

    uid: str
    name: str
    secret: str
    expires_at: dt.datetime | None


@transaction.atomic
def create_token(*, principal: Principal, name: str, role: str, lifetime: dt.timedelta | None = None) -> NewToken:
    """A new token with all permissions of ``role``; without a lifetime it is valid until it is revoked.

    Raises ``ValidationFailed``, and ``Conflict`` for a name that was used before, even by a token revoked since:
    the audit names tokens by it.
    """
    principal.require(Permission.ACCESS_MANAGE)
    definition = parse_model(TokenDefinition, {"name": name, "role": role})
    if lifetime is not None and not dt.timedelta() < lifetime <= LIFETIME_MAX:
        raise ValidationFailed(
            "The lifetime is not valid",
            errors=(FieldError("expires", f"expected more than none, at most {LIFETIME_MAX.days} days"),),
        )
    secret = new_token_secret()
    token = ApiToken(
        name=definition.name,
        role=definition.role.value,
        digest=hash_token(secret),
        expires_at=timezone.now() + lifetime if lifetime else None,
    )
    try:
        with transaction.atomic():
            token.save(force_insert=True)
    except IntegrityError:  # asking first would leave time for another to take the name
        taken = FieldError("name", "was used before")
        raise Conflict(f"There is already a token named {name!r}", errors=(taken,)) from None
    _record(
        principal,
        "token.create",
        token,
        after={"role": token.role, "expires_at": token.expires_at.isoformat() if token.expires_at else None},
    )
    return NewToken(uid=token.uid, name=token.name, secret=secret, expires_at=token.expires_at)


@transaction.atomic
def revoke_token(*, principal: Principal, name: str) -> bool:
    """Make the token invalid at once. False when it was revoked before.

    Raises ``NotFound``.
    """
    principal.require(Permission.ACCESS_MANAGE)
    token = ApiToken.objects.filter(name=name).first()
    if token is None:
        raise NotFound(f"There is no token {name[:80]!r}")
    if not ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
        return False
    _record(principal, "token.revoke", token)
    return True


def _record(principal: Principal, action: str, token: ApiToken, after: dict[str, str | None] | None = None) -> None:
    record_action(
        principal=principal,
        action=action,
        target_type="token",
        target_uid=token.uid,
        target_name=token.name,
        after=after,
    )

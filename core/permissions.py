"""Who may do what: permissions, the four roles that bundle them, and the principal that holds them.

Roles are Django groups of the same name. Every view declares its permission with ``requires``, or says that it is for
everybody ``signed_in`` or ``public``; a request to a view that declares nothing is refused (``core.middleware``).
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass

from core.errors import PermissionDenied


class Permission(enum.StrEnum):
    CATALOG_VIEW = "catalog.view"
    CATALOG_EDIT = "catalog.edit"
    CHECK_RUN = "check.run"
    CHECK_PAUSE = "check.pause"
    ERRORS_MANAGE = "errors.manage"
    QUEUES_MANAGE = "queues.manage"
    BREAKERS_MANAGE = "breakers.manage"
    BREAKERS_REPORT = "breakers.report"
    AUDIT_VIEW = "audit.view"
    METRICS_VIEW = "metrics.view"
    ACCESS_MANAGE = "access.manage"


class Role(enum.StrEnum):
    VIEWER = "viewer"
    OPERATOR = "operator"
    EDITOR = "editor"
    ADMIN = "admin"


_VIEWER = frozenset({Permission.CATALOG_VIEW})
_OPERATOR = _VIEWER | {
    Permission.CHECK_RUN,
    Permission.CHECK_PAUSE,
    Permission.ERRORS_MANAGE,
    Permission.QUEUES_MANAGE,
    Permission.BREAKERS_MANAGE,
    Permission.BREAKERS_REPORT,
    Permission.METRICS_VIEW,
    Permission.AUDIT_VIEW,
}
_EDITOR = _OPERATOR | {Permission.CATALOG_EDIT}

ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: _VIEWER,
    Role.OPERATOR: _OPERATOR,
    Role.EDITOR: _EDITOR,
    Role.ADMIN: frozenset(Permission),
}


@dataclass(frozen=True, slots=True)
class Principal:
    """Who acts. ``name`` is what the audit shows: ``user:ada``, ``token:ci``, ``system:engine``."""

    name: str
    permissions: frozenset[Permission]

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions

    def require(self, permission: Permission) -> None:
        """Raise ``PermissionDenied`` unless the principal holds the permission."""
        if not self.may(permission):
            least = next(role for role in Role if permission in ROLE_PERMISSIONS[role])
            raise PermissionDenied(
                f"This takes the permission {permission.value}, which {self.name.removeprefix('user:')} lacks. "
                f"The role {least.value} has it."
            )


ANONYMOUS = Principal(name="anonymous", permissions=frozenset())
"""A request without valid credentials."""


def system_principal(part: str) -> Principal:
    """The platform itself, acting without a person: commands, seeding, the engine."""
    return Principal(name=f"system:{part}", permissions=frozenset(Permission))


PUBLIC = "public"
SIGNED_IN = "signed in"


def requires[F: Callable[..., object]](permission: Permission) -> Callable[[F], F]:
    """Declare the permission that a view needs; the middleware enforces it."""

    def declare(view: F) -> F:
        view.required_permission = permission  # type: ignore[attr-defined]
        return view

    return declare


def public[F: Callable[..., object]](view: F) -> F:
    """Declare that a view needs no credentials; it guards itself or has nothing to guard."""
    view.required_permission = PUBLIC  # type: ignore[attr-defined]
    return view


def signed_in[F: Callable[..., object]](view: F) -> F:
    """Declare that a view is for everybody with an account, whatever their role: it is about themselves."""
    view.required_permission = SIGNED_IN  # type: ignore[attr-defined]
    return view

"""What a start brings up to date before the processes run: schema, static files, roles, the first user."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import transaction

from core.config import Config
from core.data_dir import DataDir
from core.migration import missing_migrations
from core.permissions import Role

FIRST_USER = "admin"


def migrate() -> bool:
    """Apply what the database has not seen; whether there was anything."""
    if not missing_migrations():
        return False
    call_command("migrate", interactive=False, verbosity=0)
    return True


def ensure_roles() -> None:
    for role in Role:
        Group.objects.get_or_create(name=role.value)


@dataclass(frozen=True, slots=True)
class FirstUser:
    """``generated`` is the password when nobody chose one."""

    generated: str | None


def ensure_first_user(config: Config, data: DataDir) -> FirstUser | None:
    """Create ``admin`` when there is no user at all; None when there is one.

    A generated password is also kept in a file that only the owner of the process can read.
    """
    if User.objects.exists():
        return None
    generated = None
    if config.admin_password is not None:
        password = config.admin_password.get_secret_value()
    else:
        password = generated = secrets.token_urlsafe(12)
        # Before the user: a start that ends in between must not leave a user whose password nobody knows.
        _write_private(data.admin_password, f"{password}\n")
    with transaction.atomic():
        user = User.objects.create_superuser(FIRST_USER, password=password)
        user.groups.add(Group.objects.get(name=Role.ADMIN.value))
    return FirstUser(generated)


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)

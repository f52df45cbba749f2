"""What a start brings up to date before the processes run: schema, static files, roles, the first user."""

import os
import secrets
import string
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management import call_command

from core.config import Config
from core.data_dir import DataDir, new_secret_key
from core.migration import missing_migrations
from core.permissions import Role, system_principal
from core.users import create_administrator

FIRST_USER = "admin"
PASSWORD_LENGTH = 13
_PASSWORD_CHARACTERS = string.ascii_letters + string.digits


def keep_secret_key(config: Config, data: DataDir) -> None:
    """Have one key from now on, for this process and its children: the given one, or one that a file keeps."""
    if config.secret_key is not None:
        return
    if not data.secret_key.exists():
        draft = data.secret_key.with_suffix(".draft")  # a start that ends in between must not leave half a key
        _write_private(draft, new_secret_key())
        draft.rename(data.secret_key)
    settings.SECRET_KEY = data.secret_key.read_text()


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
        password = generated = _generate_password()
        # Before the user: a start that ends in between must not leave a user whose password nobody knows.
        _write_private(data.admin_password, f"{password}\n")
    create_administrator(principal=system_principal("first-start"), username=FIRST_USER, password=password)
    return FirstUser(generated)


def _generate_password() -> str:
    """77 random bits. Letters and digits alone: whoever types it after an option wants no dash in front."""
    return "".join(secrets.choice(_PASSWORD_CHARACTERS) for _ in range(PASSWORD_LENGTH))


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)

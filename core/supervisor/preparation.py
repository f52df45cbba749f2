"""What a start brings up to date before the processes run: schema, static files, roles, the first user."""

import hashlib
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from django.contrib.auth.models import Group, User
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import transaction

from core.config import Config
from core.data_dir import DataDir
from core.migration import missing_migrations
from core.permissions import Role
from core.supervisor.refusal import StartRefused

FIRST_USER = "admin"
_STAMP = ".collected"


def migrate() -> bool:
    """Apply what the database has not seen; whether there was anything."""
    if not missing_migrations():
        return False
    call_command("migrate", interactive=False, verbosity=0)
    return True


def collect_static_files(target: Path) -> bool:
    """Collect the static files unless the same ones were collected before; whether it was needed.

    Raises ``StartRefused`` rather than clear a folder that it did not make.
    """
    stamp = target / _STAMP
    current = _fingerprint_static_files()
    if stamp.is_file() and stamp.read_text() == current:
        return False
    if target.is_dir() and any(target.iterdir()) and not stamp.is_file():
        raise StartRefused(f"QUARTERDECK_DATA_DIR: {target} holds files of somebody else; name another data folder")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    # The stamp says whose folder it is, also to a start that follows one which was cut off here.
    stamp.touch()
    call_command("collectstatic", interactive=False, verbosity=0)
    stamp.write_text(current)
    return True


def _fingerprint_static_files() -> str:
    digest = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            file = Path(storage.path(path))
            status = file.stat()
            digest.update(f"{file}\0{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


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

"""``manage.py createsuperuser``: Django's, audited."""

from typing import Any

from django.contrib.auth.management.commands.createsuperuser import Command as CreateSuperuser
from django.contrib.auth.models import User
from django.core.management.base import CommandError

from core.errors import ValidationFailed
from core.permissions import system_principal
from core.prepared_command import PreparedCommand
from core.users import create_administrator


class _AuditedUsers:
    """The model of users as Django's command sees it, whose one write goes through the service."""

    def __getattr__(self, name: str) -> Any:
        return getattr(User, name)

    def __call__(self, **fields: Any) -> User:
        return User(**fields)

    @property
    def _default_manager(self) -> "_AuditedUsers":
        return self

    def db_manager(self, _database: str) -> "_AuditedUsers":
        return self

    def get_by_natural_key(self, username: str) -> User:
        return User.objects.get_by_natural_key(username)

    def create_superuser(self, **fields: Any) -> User:
        return create_administrator(principal=system_principal("command-line"), **fields)


class Command(PreparedCommand, CreateSuperuser):
    help = "Make an administrator."

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.UserModel = _AuditedUsers()  # type: ignore[assignment]

    def handle(self, *args: Any, **options: Any) -> None:
        if options["interactive"] and not self.stdin.isatty():
            raise CommandError("This asks at a terminal; elsewhere use --noinput (see --help)", returncode=2)
        try:
            super().handle(*args, **options)
        except CommandError as error:
            raise CommandError(str(error).removeprefix("Error: "), returncode=2) from None
        except ValidationFailed as error:
            raise CommandError("; ".join(wrong.message for wrong in error.errors), returncode=2) from None

"""``manage.py changepassword NAME``: Django's, audited."""

import getpass
from typing import Any

from django.contrib.auth.management.commands.changepassword import Command as ChangePassword
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from core.permissions import system_principal
from core.prepared_command import PreparedCommand
from core.users import set_password

TRIES = 3


class Command(PreparedCommand, ChangePassword):
    help = "Give a user another password; it ends their sessions."

    def handle(self, *_args: Any, **options: Any) -> str:
        username = options["username"] or getpass.getuser()
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"There is no user {username!r}", returncode=2)
        self.stdout.write(f"Changing the password of {username}")
        set_password(principal=system_principal("command-line"), user=user, password=self._ask_password(user))
        return f"The password of {username} is changed"

    def _ask_password(self, user: User) -> str:
        """Before the transaction, which must not wait for a person."""
        for _ in range(TRIES):
            password = getpass.getpass()
            if getpass.getpass("Password (again): ") != password:
                self.stderr.write("The passwords do not match")
                continue
            try:
                validate_password(password, user)
            except ValidationError as error:
                self.stderr.write("\n".join(error.messages))
            else:
                return password
        raise CommandError(f"Nothing was changed after {TRIES} tries", returncode=2)

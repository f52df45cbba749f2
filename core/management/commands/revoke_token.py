"""``manage.py revoke_token NAME``."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from core.errors import QuarterdeckError
from core.permissions import system_principal
from core.prepared_command import PreparedCommand
from core.tokens import revoke_token


class Command(PreparedCommand):
    help = "Make a bearer token invalid at once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")

    def handle(self, *_args: Any, name: str, **_options: Any) -> None:
        try:
            revoked = revoke_token(principal=system_principal("command-line"), name=name)
        except QuarterdeckError as error:
            raise CommandError(error.message, returncode=2) from None
        self.stdout.write(f"Token {name} is revoked" if revoked else f"Token {name} was revoked before")

"""``manage.py create_token NAME --role operator [--expires 90d]``."""

import datetime as dt
from typing import Any

from django.core.management.base import CommandError, CommandParser

from core.durations import parse_duration_ms
from core.errors import QuarterdeckError
from core.permissions import Role, system_principal
from core.prepared_command import PreparedCommand
from core.tokens import create_token


class Command(PreparedCommand):
    help = "Make a bearer token for a program. The token is printed once, alone on the last line."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="what uses it; the audit shows token:NAME")
        parser.add_argument("--role", required=True, choices=[role.value for role in Role], help="see docs/roles.md")
        parser.add_argument("--expires", metavar="DURATION", help="such as 12h or 90d; without it: when revoked")

    def handle(self, *_args: Any, name: str, role: str, expires: str | None, **_options: Any) -> None:
        try:
            lifetime = dt.timedelta(milliseconds=parse_duration_ms(expires)) if expires is not None else None
            token = create_token(principal=system_principal("command-line"), name=name, role=role, lifetime=lifetime)
        except QuarterdeckError as error:
            said = "; ".join(str(item) for item in error.errors)
            raise CommandError(said or error.message, returncode=2) from None
        except ValueError as error:
            raise CommandError(f"--expires: {error}", returncode=2) from None
        valid = f"valid until {token.expires_at:%Y-%m-%d %H:%M} UTC" if token.expires_at else "valid until revoked"
        self.stdout.write(f"Token {name} with role {role}, {valid}. It is not shown again:")
        self.stdout.write(token.secret)

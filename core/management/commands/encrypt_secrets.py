"""``manage.py encrypt_secrets``."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.permissions import system_principal
from ops.breakers.services import encrypt_source_secrets
from ops.health.services import encrypt_secrets


class Command(BaseCommand):
    help = "Encrypt every stored secret with the newest secret key, after which the former keys can be dropped."

    def handle(self, *_args: Any, **_options: Any) -> None:
        done = encrypt_secrets(principal=system_principal("command-line"))
        self.stdout.write(f"Encrypted the secrets of {done.written} checks with the newest key.")
        written, unreadable = encrypt_source_secrets(principal=system_principal("command-line"))
        self.stdout.write(f"Encrypted the secrets of {written} breaker sources with the newest key.")
        if unreadable := (*done.unreadable, *unreadable):
            names = ", ".join(unreadable)
            raise CommandError(f"No key opens the secrets of {names}; write them again.", returncode=1)

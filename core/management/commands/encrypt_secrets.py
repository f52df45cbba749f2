"""``manage.py encrypt_secrets``."""

from typing import Any

from django.core.management.base import CommandError

from core.permissions import system_principal
from core.prepared_command import PreparedCommand
from ops.breakers.definition import DEFINITIONS as SOURCES
from ops.definitions.encryption import encrypt_secrets
from ops.health.definition import DEFINITIONS as CHECKS
from ops.queues.definition import DEFINITIONS as QUEUES


class Command(PreparedCommand):
    help = "Encrypt every stored secret with the newest secret key, after which the former keys can be dropped."

    def handle(self, *_args: Any, **_options: Any) -> None:
        principal = system_principal("command-line")
        checks = encrypt_secrets(CHECKS, principal=principal)
        queues = encrypt_secrets(QUEUES, principal=principal)
        sources = encrypt_secrets(SOURCES, principal=principal)
        self.stdout.write(
            f"Encrypted the secrets of {checks.written} checks, {queues.written} queues and {sources.written} sources "
            "of breakers with the newest key."
        )
        if unreadable := (*checks.unreadable, *queues.unreadable, *sources.unreadable):
            names = ", ".join(unreadable)
            raise CommandError(f"No key opens the secrets of {names}; write them again.", returncode=1)

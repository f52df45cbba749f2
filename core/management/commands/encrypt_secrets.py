"""``manage.py encrypt_secrets``."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.permissions import system_principal
from ops.breakers import services as breakers
from ops.health import services as checks
from ops.queues import services as queues


class Command(BaseCommand):
    help = "Encrypt every stored secret with the newest secret key, after which the former keys can be dropped."

    def handle(self, *_args: Any, **_options: Any) -> None:
        principal = system_principal("command-line")
        done = checks.encrypt_secrets(principal=principal)
        queues_written, queues_unreadable = queues.encrypt_secrets(principal=principal)
        sources_written, sources_unreadable = breakers.encrypt_source_secrets(principal=principal)
        self.stdout.write(
            f"Encrypted the secrets of {done.written} checks, {queues_written} queues and {sources_written} sources of "
            "breakers with the newest key."
        )
        if unreadable := (*done.unreadable, *queues_unreadable, *sources_unreadable):
            names = ", ".join(unreadable)
            raise CommandError(f"No key opens the secrets of {names}; write them again.", returncode=1)

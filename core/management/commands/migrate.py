from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.core.management.commands.migrate import Command as Migrate
from django.db import connection

from core.migration import only_one_migrates, patient_connection
from ops.health.partitions import keep_partitions


class Command(Migrate):
    """Django's command, with the time that a large table needs, and one process at a time."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        root = settings.DATA_DIR.root
        try:  # before Django's checks, which open the database
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise CommandError(f"Cannot use the folder {root}: {error.strerror}", returncode=2) from None
        return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        if connection.in_atomic_block:  # a test that wraps everything
            super().handle(*args, **options)
            return
        with patient_connection(), only_one_migrates():
            super().handle(*args, **options)
            keep_partitions()

"""For commands that need what a first start makes: without it they say so in one line, and leave nothing behind."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection

from core.command_line import database_refusal
from core.config import get_config
from core.migration import missing_migrations


class PreparedCommand(BaseCommand):
    """May be the first of several bases, to hold a command of Django's to the same."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        _refuse_unprepared()
        return super().execute(*args, **options)


def _refuse_unprepared() -> None:
    """Raises ``CommandError``. Files are looked for before anything could create them."""
    data = settings.DATA_DIR
    if get_config().secret_key is None and not data.secret_key.exists():
        raise _refusal(f"There is no Quarterdeck in {data.root}")
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite" and not connection.in_atomic_block and not Path(name).exists():
        raise _refusal(f"There is no database {name}")
    try:
        missing = missing_migrations()
    except DatabaseError as error:
        raise CommandError(database_refusal(error), returncode=2) from None
    if missing:
        raise _refusal(f"The database {name} is empty or older than this Quarterdeck")


def _refusal(lack: str) -> CommandError:
    return CommandError(
        f"{lack}; start Quarterdeck once with `make run`, or name the folder of one in QUARTERDECK_DATA_DIR",
        returncode=2,
    )

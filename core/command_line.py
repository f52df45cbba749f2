"""Any command of ``manage.py``, with one line and exit code 2 where Django would show how it came to fail."""

import logging
import sys
from collections.abc import Sequence
from typing import NoReturn

from django.core.management import execute_from_command_line
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.migrations.exceptions import MigrationSchemaMissing
from psycopg_pool import PoolTimeout

from core.migration import patient_connection

_TELLING = (OperationalError, InterfaceError, MigrationSchemaMissing)
"""The database is away, locked or not ours to write. What else it objects to is a fault of the code."""


def run_command(argv: Sequence[str]) -> None:
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # it tells of each attempt what is told here in the end
    try:
        execute_from_command_line(list(argv))
    except (DatabaseError, InterfaceError) as error:
        if "--traceback" in argv or not (isinstance(error, _TELLING) or type(error) is DatabaseError):
            raise
        _end(database_refusal(error))
    except EOFError:
        sys.stderr.write("\n")  # the question stands there
        _end("The input ended before everything was asked")


def database_refusal(error: Exception) -> str:
    if isinstance(error.__cause__, PoolTimeout):  # which only says that nothing came of it; a lone connection says why
        try:
            with patient_connection():
                connection.ensure_connection()
        except DatabaseError as cause:
            error = cause
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return f"Cannot use the database {connection.settings_dict['NAME']}: {reason}"


def _end(message: str) -> NoReturn:
    sys.stderr.write(f"CommandError: {message}\n")
    sys.exit(2)

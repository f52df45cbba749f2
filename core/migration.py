"""The database's schema against the code: what is missing, what is unknown, and a connection with time to change it."""

import contextlib
import re
from collections.abc import Iterator
from functools import cache

from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

MIGRATION_STATEMENT_TIMEOUT_MS = 3_600_000
MIGRATION_LOCK_TIMEOUT_MS = 60_000
_ADVISORY_LOCK = 0x51_44_4D_49  # "QDMI": one migrating process a database


@cache
def known_migrations() -> frozenset[tuple[str, str]]:
    """(app, name) of every migration of this code."""
    return frozenset(MigrationLoader(None, ignore_no_migrations=True).disk_migrations)


def applied_migrations() -> set[tuple[str, str]]:
    return set(MigrationRecorder(connection).applied_migrations())


def missing_migrations() -> list[str]:
    """Migrations of the code that the database has not seen, as ``app.name``."""
    return sorted(".".join(item) for item in known_migrations() - applied_migrations())


def unknown_migrations() -> list[str]:
    """Migrations that the database has seen and the code does not know: a newer version wrote it."""
    return sorted(".".join(item) for item in applied_migrations() - known_migrations())


@contextlib.contextmanager
def patient_connection() -> Iterator[None]:
    """A connection of its own without the limits of a page: on PostgreSQL no pool, an hour for a statement."""
    if connection.vendor != "postgresql":
        yield
        return
    connection.close()
    hurried = connection.settings_dict["OPTIONS"]
    patient = {key: value for key, value in hurried.items() if key not in {"pool", "tcp_user_timeout"}}
    options = re.sub(r"(statement_timeout=)\d+", rf"\g<1>{MIGRATION_STATEMENT_TIMEOUT_MS}", patient["options"])
    patient["options"] = re.sub(r"(lock_timeout=)\d+", rf"\g<1>{MIGRATION_LOCK_TIMEOUT_MS}", options)
    connection.settings_dict["OPTIONS"] = patient
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["OPTIONS"] = hurried


@contextlib.contextmanager
def only_one_migrates() -> Iterator[None]:
    """Wait for another process that changes the same database. Needs a ``patient_connection``."""
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_ADVISORY_LOCK])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_ADVISORY_LOCK])

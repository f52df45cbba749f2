"""Shared fixtures: principals, a client per role, and append-only tables that a test database may still empty."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connection
from django.db.backends.sqlite3.base import DatabaseWrapper
from django.test import Client

from core.permissions import ROLE_PERMISSIONS, Principal, Role
from core.telemetry.error_reports import keep_errors_in
from core.triggers import create_statements, drop_statements
from ops.dashboard.standing import forget_fleet
from ops.dashboard.tiles import forget_tiles
from ops.health import pings
from tests.services import wait_for

APPEND_ONLY = ("core_auditentry", "ops_journalentry", "ops_statuschange")
DatabaseOperations = DatabaseWrapper.ops_class
_sql_flush = DatabaseOperations.sql_flush


def _flush_with_triggers_off(self: Any, *args: object, **kwargs: object) -> list[str]:
    """SQLite empties a table by DELETE, which the append-only triggers refuse (PostgreSQL truncates)."""
    off = [statement for table in APPEND_ONLY for statement in drop_statements("sqlite", table)]
    on = [statement for table in APPEND_ONLY for statement in create_statements("sqlite", table)]
    return [*off, *_sql_flush(self, *args, **kwargs), *on]  # type: ignore[arg-type]


@pytest.fixture(scope="session", autouse=True)
def _flushable_append_only_tables() -> None:
    DatabaseOperations.sql_flush = _flush_with_triggers_off  # type: ignore[method-assign]


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """Nobody waits for a database to be dropped that goes with its server or its folder."""
    return True


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """SQLite in a file, as in production: threads of a live server get connections and transactions of their own."""
    if connection.vendor == "sqlite":
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        connection.settings_dict["TEST"]["NAME"] = str(settings.STATIC_ROOT.parent / f"test-{worker}.sqlite3")


@pytest.fixture(scope="session", autouse=True)
def _collected_static_files() -> None:
    """Pages name static files by their hash, as in production; one process of the run collects them for all."""
    root = Path(settings.STATIC_ROOT)
    root.parent.mkdir(parents=True, exist_ok=True)
    done = root.parent / "static.collected"
    try:
        root.mkdir()
    except FileExistsError:
        wait_for(done.exists, seconds=60, what="the collected static files")
    else:
        call_command("collectstatic", interactive=False, verbosity=0)
        done.touch()


@pytest.fixture(autouse=True)
def _nothing_remembered_of_another_test() -> None:
    """A test that was rolled back leaves its keys and its revision to the next one."""
    pings.DEFINITIONS.clear()
    forget_fleet()
    forget_tiles()


@pytest.fixture(autouse=True)
def _own_errors_are_not_kept() -> None:
    """What a test makes fail on purpose would be written by a thread, into the database of whichever test runs then."""
    keep_errors_in(None)


@pytest.fixture
def make_principal() -> Callable[[Role], Principal]:
    return lambda role: Principal(name=f"user:{role.value}", permissions=ROLE_PERMISSIONS[role])


@pytest.fixture
def editor(make_principal: Callable[[Role], Principal]) -> Principal:
    return make_principal(Role.EDITOR)


@pytest.fixture
def viewer(make_principal: Callable[[Role], Principal]) -> Principal:
    return make_principal(Role.VIEWER)


@pytest.fixture
def operator(make_principal: Callable[[Role], Principal]) -> Principal:
    return make_principal(Role.OPERATOR)


@pytest.fixture
def client_of(db: None) -> Callable[[Role], Client]:
    """A signed-in client of a user ``<role>`` who holds that one role."""

    def make(role: Role) -> Client:
        user, created = User.objects.get_or_create(username=role.value, defaults={"is_staff": role is not Role.VIEWER})
        if created:
            user.groups.add(Group.objects.get_or_create(name=role.value)[0])
        client = Client()
        client.force_login(user)
        return client

    return make


@pytest.fixture
def on_postgresql() -> bool:
    return connection.vendor == "postgresql"

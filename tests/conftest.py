"""Shared fixtures: principals, a client per role, and append-only tables that a test database may still empty."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.db.backends.sqlite3.base import DatabaseWrapper
from django.test import Client

from core.permissions import ROLE_PERMISSIONS, Principal, Role
from core.triggers import create_statements, drop_statements

APPEND_ONLY = ("core_auditentry", "ops_journalentry")
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

"""The port through which slices follow an entity's life: what they keep on it goes and pauses with it.

``entities.services`` calls every listener inside the transaction of the change, after the entity was written and
before the audit entry; whatever a listener raises undoes the change. A slice registers when the application starts
(``ops.apps``):

    register_lifecycle_listener(CheckLifecycle())

A slice that adds rows to an entity should hold ``lock_catalogue()`` while it does, so that the entity cannot be
deleted meanwhile.
"""

from collections.abc import Collection
from typing import Protocol

from django.db import connection

from core.permissions import Principal

_CATALOGUE_LOCK = 0x51_44_01  # "QD" and a number of our own, so that no other lock of the database is meant


class LifecycleListener(Protocol):
    def entity_activity_changed(self, *, principal: Principal, entity_id: int, active: bool) -> None:
        """The lifecycle became active or inactive: schedule what belongs to the entity, or stop it."""

    def entity_renamed(self, *, principal: Principal, entity_id: int, name: str) -> None:
        """The entity goes by another name now: refuse it where what names entities would not make sense any more."""

    def entities_deleting(self, *, principal: Principal, entity_ids: Collection[int]) -> None:
        """The entities are about to be deleted: remove what no foreign key would remove with them."""


_listeners: list[LifecycleListener] = []


def register_lifecycle_listener(listener: LifecycleListener) -> None:
    _listeners.append(listener)


def remove_lifecycle_listener(listener: LifecycleListener) -> None:
    _listeners.remove(listener)


def lifecycle_listeners() -> tuple[LifecycleListener, ...]:
    return tuple(_listeners)


def lock_catalogue() -> None:
    """Let one transaction at a time write the catalogue; held until the transaction ends.

    The rules about names, dependencies and cycles read more rows than they write, so row locks would not hold them.
    On SQLite every writing transaction excludes the others already.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CATALOGUE_LOCK])

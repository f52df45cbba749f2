"""The ping key of an entity: its heartbeats are pinged at ``/ping/<key>/<name of the check>``."""

import secrets

from core.audit import record_action
from core.errors import Conflict
from core.permissions import Permission, Principal
from core.revision import changing, mark_changed
from entities.lifecycle import lock_catalogue
from entities.models import Entity
from entities.selectors import find_entity
from ops.health.models import PingKey

_KEY_BYTES = 16


@changing()
def create_ping_key(*, principal: Principal, entity_ref: str) -> str:
    """Give the entity its first key. Raises ``NotFound``, and ``Conflict`` for one that has a key."""
    principal.require(Permission.CATALOG_EDIT)
    lock_catalogue()
    entity = find_entity(entity_ref)
    if PingKey.objects.filter(pk=entity.pk).exists():
        raise Conflict(f"{entity.name} has a ping key already")
    return _give_key(principal, entity, "ping_key.create")


@changing()
def rotate_ping_key(*, principal: Principal, entity_ref: str) -> str:
    """Give the entity a new key, its first or another; with the old one nothing is found any more.

    Raises ``NotFound``.
    """
    principal.require(Permission.CATALOG_EDIT)
    lock_catalogue()
    return _give_key(principal, find_entity(entity_ref), "ping_key.rotate")


@changing()
def delete_ping_key(*, principal: Principal, entity_ref: str) -> None:
    """Take the key away; the ids of its heartbeats go on. Raises ``NotFound`` for the entity."""
    principal.require(Permission.CATALOG_EDIT)
    lock_catalogue()
    entity = find_entity(entity_ref)
    if PingKey.objects.filter(pk=entity.pk).delete()[0]:
        _record(principal, "ping_key.delete", entity.uid, entity.name)


def _give_key(principal: Principal, entity: Entity, action: str) -> str:
    key = secrets.token_urlsafe(_KEY_BYTES)
    PingKey.objects.update_or_create(entity=entity, defaults={"key": key})
    _record(principal, action, entity.uid, entity.name)
    return key


def _record(principal: Principal, action: str, uid: str, name: str) -> None:
    record_action(principal=principal, action=action, target_type="entity", target_uid=uid, target_name=name)
    mark_changed()

"""A small catalogue for the tests, made through the services."""

from typing import Any

from core.permissions import Principal, system_principal
from entities.definition import EntityDefinition
from entities.services import EntityVersion, create_entity

TESTER: Principal = system_principal("tester")


def define(name: str, **fields: Any) -> EntityDefinition:
    return EntityDefinition.model_validate({"name": name, "kind": "service", **fields})


def add_entity(name: str, **fields: Any) -> EntityVersion:
    return create_entity(principal=TESTER, definition=define(name, **fields))

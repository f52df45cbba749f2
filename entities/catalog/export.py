"""The stored catalogue as a file: applying it changes nothing."""

from typing import Any

import yaml

from core.permissions import Permission, Principal
from entities.catalog.document import API_VERSION
from entities.catalog.sections import SECTIONS
from entities.definition import EntityDefinition
from entities.domain import Strength
from entities.models import Team
from entities.selectors import definition_of, stored_entities


def export_document(*, principal: Principal) -> str:
    """YAML in a stable order: teams and entities by name, fields as the design lists them, defaults left out."""
    principal.require(Permission.CATALOG_VIEW)
    entities = list(stored_entities().order_by("name"))
    sections = {name: section.export([entity.pk for entity in entities]) for name, section in SECTIONS.items()}
    document: dict[str, Any] = {"apiVersion": API_VERSION}
    if teams := list(Team.objects.order_by("name").values_list("name", "title")):
        document["teams"] = [{"name": name, "title": title} if title else {"name": name} for name, title in teams]
    document["entities"] = []
    for entity in entities:
        item = _shortest(definition_of(entity))
        for name, exported in sections.items():
            if wanted := exported.get(entity.pk):
                item[name] = wanted
        document["entities"].append(item)
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return text


def _shortest(definition: EntityDefinition) -> dict[str, Any]:
    document = definition.document()
    defaults = EntityDefinition(name=definition.name, kind=definition.kind).document()
    item = {name: value for name, value in document.items() if name in {"name", "kind"} or value != defaults[name]}
    if "depends_on" in item:
        item["depends_on"] = [
            dependency["name"] if dependency["strength"] == Strength.HARD else dependency
            for dependency in item["depends_on"]
        ]
    return item


class _Dumper(yaml.SafeDumper):
    """Lists indented below their key, and no anchors: people read and edit the file."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, False)  # noqa: FBT003

    def ignore_aliases(self, _data: Any) -> bool:
        return True

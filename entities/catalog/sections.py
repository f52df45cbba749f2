"""The port through which a slice of ``ops`` adds a section, such as ``checks``, to the entities of a catalogue file."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from core.permissions import Principal
from core.registry import Registry


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a plan: ``what`` names the thing (``check api/http``), ``fields`` maps to (before, after)."""

    action: Literal["create", "update", "delete"]
    what: str
    fields: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)


class CatalogSection(Protocol):
    """One section. ``wanted`` is the list as the file has it; what the file leaves out below an entity is deleted.

    ``plan`` and ``apply`` raise ``ValidationFailed`` whose fields are paths inside the list (``0.url``).
    """

    def plan(self, *, entity_name: str, entity_id: int | None, wanted: list[dict[str, Any]]) -> list[Change]: ...

    def apply(self, *, principal: Principal, entity_id: int, wanted: list[dict[str, Any]]) -> list[Change]: ...

    def export(self, entity_ids: Collection[int]) -> Mapping[int, list[dict[str, Any]]]: ...


SECTIONS: Registry[CatalogSection] = Registry("catalogue section")
"""Key in the file to section; ``ops.apps`` registers them when the application starts."""

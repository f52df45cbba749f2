"""Make the catalogue say what a document says, all or nothing."""

from core.errors import FieldError, ValidationFailed
from core.permissions import Permission, Principal
from core.revision import changing
from entities.catalog.document import CatalogDocument
from entities.catalog.planning import locate_section_errors, plan_changes
from entities.catalog.sections import SECTIONS, Change
from entities.lifecycle import lock_catalogue
from entities.services import delete_entities, save_entities
from entities.teams import save_teams


@changing()
def apply_document(*, principal: Principal, document: CatalogDocument, prune: bool) -> list[Change]:
    """Do what ``plan_changes`` tells, and return it. The same document again changes nothing.

    Raises ``ValidationFailed`` as ``plan_changes`` does.
    """
    principal.require(Permission.CATALOG_EDIT)
    lock_catalogue()
    plan = plan_changes(document, prune=prune)
    save_teams(principal=principal, definitions=[entry.definition for entry in document.teams])
    saved = save_entities(principal=principal, definitions=[entry.definition for entry in document.entities])
    errors: list[FieldError] = []
    for entry, entity in zip(document.entities, saved, strict=True):
        for name, section in SECTIONS.items():
            wanted = entry.sections[name]
            try:
                section.apply(principal=principal, entity_id=entity.id, wanted=wanted)
            except ValidationFailed as error:
                errors += locate_section_errors(entry, name, error)
    if errors:
        raise ValidationFailed("The catalogue is not valid", errors=tuple(errors))
    delete_entities(principal=principal, refs=plan.doomed)
    return list(plan.changes)

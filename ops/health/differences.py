"""A new definition of a check against the stored one: which secrets it keeps, and what it changes."""

from typing import Any

from core.egress import Endpoint
from ops.health.definition import CheckDefinition, document_of, find_definition
from ops.health.models import Check
from ops.probing.config import KindConfig
from ops.probing.kept_secrets import changed_secrets, fill_secrets


def keep_secrets(definition: CheckDefinition, check: Check | None) -> CheckDefinition:
    """The definition with the stored secret wherever it has the mask. ``check`` is None for a new one.

    Raises ``ValidationFailed`` where nothing is stored that the mask could stand for, and where the check would take a
    stored secret to somebody else: who may not read it may not send it elsewhere either.
    """
    stored = None if check is None else find_definition(check)
    same = check is None or _targets_of(definition) == _targets_of(stored)
    config = fill_secrets(definition.config, _config_of(stored, definition.common.kind), same_targets=same)
    return definition if config is definition.config else definition.model_copy(update={"config": config})


def changed_fields(check: Check, after: CheckDefinition) -> dict[str, tuple[Any, Any]]:
    """Fields that are to change, with their values before and after; of a secret both are the mask."""
    before, new = document_of(check), after.document()
    other = changed_secrets(_config_of(find_definition(check), after.common.kind), after.config)
    return {
        name: (before.get(name), new.get(name))
        for name in dict.fromkeys((*before, *new))
        if before.get(name) != new.get(name) or name in other
    }


def _targets_of(definition: CheckDefinition | None) -> list[Endpoint]:
    return [] if definition is None else definition.check_kind.targets(definition.config)


def _config_of(stored: CheckDefinition | None, kind: str) -> KindConfig | None:
    """None of a check of another kind, whose fields mean something else."""
    return stored.config if stored is not None and stored.common.kind == kind else None

"""A new definition of a check against the stored one: which secrets it keeps, and what it changes."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import SecretStr

from core.egress import Endpoint
from core.errors import FieldError, ValidationFailed
from core.secrets import MASK
from core.validation import SUMMARY
from ops.health.definition import CheckDefinition, document_of, find_definition
from ops.health.models import Check
from ops.probing.config import KindConfig

type Path = tuple[str, ...]
"""Where a secret stands in the fields of a kind, such as ``("headers", "Authorization")``."""


def keep_secrets(definition: CheckDefinition, check: Check | None) -> CheckDefinition:
    """The definition with the stored secret wherever it has the mask. ``check`` is None for a new one.

    Raises ``ValidationFailed`` where nothing is stored that the mask could stand for, and where the check would take a
    stored secret to somebody else: who may not read it may not send it elsewhere either.
    """
    masked = [path for path, secret in _secrets(definition.config) if secret.get_secret_value() == MASK]
    if not masked:
        return definition
    stored = _stored_secrets(check, kind=definition.common.kind)
    if missing := [path for path in masked if path not in stored]:
        text = f"{MASK} keeps a stored secret, but none is stored here; write the secret itself"
        raise ValidationFailed(SUMMARY, errors=tuple(FieldError(".".join(path), text) for path in missing))
    if check is not None and _targets_of(definition) != _targets_of(find_definition(check)):
        text = "write the secret again: it would go to another target than the one that it was stored for"
        raise ValidationFailed(SUMMARY, errors=tuple(FieldError(".".join(path), text) for path in masked))
    values = {name: getattr(definition.config, name) for name in {path[0] for path in masked}}
    config = definition.config.model_copy(update=_filled(values, stored, ()))
    return definition.model_copy(update={"config": config})


def changed_fields(check: Check, after: CheckDefinition) -> dict[str, tuple[Any, Any]]:
    """Fields that are to change, with their values before and after; of a secret both are the mask."""
    before, new = document_of(check), after.document()
    known, wanted = _stored_secrets(check, kind=after.common.kind), dict(_secrets(after.config))
    other = {path[0] for path in {*known, *wanted} if known.get(path) != wanted.get(path)}
    return {
        name: (before.get(name), new.get(name))
        for name in dict.fromkeys((*before, *new))
        if before.get(name) != new.get(name) or name in other
    }


def _targets_of(definition: CheckDefinition | None) -> list[Endpoint]:
    return [] if definition is None else definition.check_kind.targets(definition.config)


def _stored_secrets(check: Check | None, *, kind: str) -> Mapping[Path, SecretStr]:
    """Those that can be read; none of a check of another kind, whose fields mean something else."""
    stored = find_definition(check) if check is not None and check.kind == kind else None
    if stored is None:
        return {}
    return {path: secret for path, secret in _secrets(stored.config) if secret.get_secret_value() != MASK}


def _secrets(config: KindConfig) -> Iterator[tuple[Path, SecretStr]]:
    for name in type(config).model_fields:
        yield from _below(getattr(config, name), (name,))


def _below(value: object, path: Path) -> Iterator[tuple[Path, SecretStr]]:
    if isinstance(value, SecretStr):
        yield path, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _below(item, (*path, str(name)))


def _filled(value: Any, stored: Mapping[Path, SecretStr], path: Path) -> Any:
    if isinstance(value, SecretStr) and value.get_secret_value() == MASK:
        return stored[path]
    if isinstance(value, Mapping):
        return {name: _filled(item, stored, (*path, str(name))) for name, item in value.items()}
    return value

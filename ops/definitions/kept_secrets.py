"""The fields of something that goes out against those that are stored: which secrets of theirs a new version keeps."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote_plus

from pydantic import BaseModel, SecretStr

from core.errors import FieldError, ValidationFailed
from core.secrets import MASK, open_sealed, seal, seal_anew
from core.text import STORED
from core.validation import SUMMARY
from ops.probing.config import KindConfig
from ops.probing.secret_url import SecretUrl

SHOWN_BELOW = 6

NOTHING_KEPT = f"{MASK} keeps a stored secret, but none is stored here; write the secret itself"

type Path = tuple[str, ...]
"""Where a value stands in the fields of a kind, such as ``("headers", "Authorization")``."""


def refuse_stray_masks(*parts: BaseModel) -> None:
    """Raises ``ValidationFailed`` where the mask stands for what is no secret, such as a header that was renamed:
    stored as it is, it would be sent in place of the secret that it was meant to keep."""
    stray = [path for part in parts for path in _stray_below(dict(part), ())]
    if stray:
        raise ValidationFailed(SUMMARY, errors=tuple(FieldError(".".join(path), NOTHING_KEPT) for path in stray))


def fill_secrets[C: KindConfig](config: C, stored: KindConfig | None, *, same_targets: bool) -> C:
    """The fields with the stored secret wherever they have the mask. ``stored`` is None where nothing is kept.

    Raises ``ValidationFailed`` where nothing is stored that the mask could stand for, unless ``same_targets``, and for
    a way that is less protected: who may not read a secret may send it neither elsewhere nor where it can be read.
    """
    masked = [path for path, secret in list_secrets(config) if secret.get_secret_value() == MASK]
    if not masked:
        return config
    known = readable_secrets(stored)
    if missing := [path for path in masked if path not in known]:
        raise ValidationFailed(SUMMARY, errors=tuple(FieldError(".".join(path), NOTHING_KEPT) for path in missing))
    if not same_targets:
        text = "write the secret again: it would go to another target than the one that it was stored for"
        raise ValidationFailed(SUMMARY, errors=tuple(FieldError(".".join(path), text) for path in masked))
    if stored is not None and config.protection < stored.protection:
        text = "write the secret again: it would be less protected on its way than it was stored for"
        raise ValidationFailed(SUMMARY, errors=tuple(FieldError(".".join(path), text) for path in masked))
    values = {name: getattr(config, name) for name in {path[0] for path in masked}}
    return config.model_copy(update=_filled(values, known, ()))


def changed_secrets(stored: KindConfig | None, config: KindConfig) -> set[str]:
    """The names of fields that hold other secrets now, or none any more."""
    known, wanted = readable_secrets(stored), dict(list_secrets(config))
    return {path[0] for path in {*known, *wanted} if known.get(path) != wanted.get(path)}


def readable_secrets(stored: KindConfig | None) -> Mapping[Path, SecretStr]:
    """Without those that no key opens any more."""
    if stored is None:
        return {}
    return {path: secret for path, secret in list_secrets(stored) if secret.get_secret_value() != MASK}


def sealed_anew(stored: Any, config: type[KindConfig] | None) -> Any:
    """The stored fields with every secret sealed by the newest key, those included that stand in clear.

    Fields that the kind does not take any more, or takes otherwise, are carried over as they are. Raises
    ``SecretUnreadable``.
    """
    carried = seal_anew(stored)
    if config is None:
        return carried
    try:
        read = config.model_validate(stored, context={"open": open_sealed, STORED: True})
    except ValueError:
        return carried
    return read.model_dump(mode="json", exclude_defaults=True, context={"seal": seal})


def list_secrets(config: KindConfig) -> Iterator[tuple[Path, SecretStr]]:
    for name in type(config).model_fields:
        yield from _below(getattr(config, name), (name,))


def secret_values(config: KindConfig) -> tuple[str, ...]:
    """What must not be shown when a target sends it back: each secret as it is sent, decoded, and without its scheme;
    none under ``SHOWN_BELOW`` characters, which stands in any text."""
    values = {secret.get_secret_value() for _, secret in list_secrets(config)}
    values |= {unquote_plus(value) for value in values} | {value.rpartition(" ")[2] for value in values}
    return tuple(sorted((value for value in values if len(value) >= SHOWN_BELOW), key=len, reverse=True))


def _below(value: object, path: Path) -> Iterator[tuple[Path, SecretStr]]:
    if isinstance(value, SecretStr):
        yield path, value
    elif isinstance(value, SecretUrl):
        yield from (((*path, name), secret) for name, secret in value.secrets)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _below(item, (*path, str(name)))


def _stray_below(value: object, path: Path) -> Iterator[Path]:
    if isinstance(value, SecretUrl):
        yield from ((*path, name) for name, text in value.plain_parameters if text == MASK)
    elif isinstance(value, BaseModel):
        yield from _stray_below(dict(value), path)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _stray_below(item, (*path, str(name)))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _stray_below(item, (*path, str(index)))
    elif isinstance(value, str) and value.strip() == MASK:
        yield path


def _filled(value: Any, stored: Mapping[Path, SecretStr], path: Path) -> Any:
    if isinstance(value, SecretStr) and value.get_secret_value() == MASK:
        return stored[path]
    if isinstance(value, SecretUrl):
        masked = [name for name, secret in value.secrets if secret.get_secret_value() == MASK]
        return SecretUrl(value.replaced({name: stored[*path, name].get_secret_value() for name in masked}))
    if isinstance(value, Mapping):
        return {name: _filled(item, stored, (*path, str(name))) for name, item in value.items()}
    return value

"""Secrets at rest: what people entrust to the platform stands encrypted in the database.

Keys are derived from the secret key and its fallbacks. The newest key seals; every one of them opens, so that a new
key can be put in front, everything sealed anew (``manage.py encrypt_secrets``), and the old one dropped.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

MASK = "********"
"""Stands for a secret wherever one is shown. Written back, it keeps what is stored; it is never a secret itself."""

_PURPOSE = b"quarterdeck.secrets.1"
_MARK = "$secret"
_TEXT = "$text"


class SecretUnreadable(ValueError):
    """A sealed secret that none of the keys opens."""

    def __init__(self) -> None:
        super().__init__("the stored secret cannot be read with today's secret key; write it again")


def seal(text: str) -> dict[str, str]:
    """The text encrypted, as a JSON value that cannot be taken for a text."""
    return {_MARK: _keys().encrypt(text.encode()).decode()}


def is_sealed(value: object) -> bool:
    return isinstance(value, dict) and value.keys() == {_MARK} and isinstance(value[_MARK], str)


def open_sealed(value: Mapping[str, str]) -> str:
    """What was sealed. Raises ``SecretUnreadable``."""
    try:
        return _keys().decrypt(value[_MARK].encode()).decode()
    except InvalidToken:
        raise SecretUnreadable from None


def seal_within(parts: Sequence[tuple[str, bool]]) -> dict[str, list[Any]]:
    """A text given in parts, those encrypted that are secret, as a JSON value that cannot be taken for a text."""
    return {_TEXT: [seal(text) if is_secret else text for text, is_secret in parts]}


def is_sealed_text(value: object) -> bool:
    if not (isinstance(value, dict) and value.keys() == {_TEXT} and isinstance(value[_TEXT], list)):
        return False
    return all(isinstance(part, str) or is_sealed(part) for part in value[_TEXT])


def join_sealed(value: Mapping[str, list[Any]], read: Callable[[Mapping[str, str]], str]) -> str:
    """The text with what ``read`` makes of each of its sealed parts."""
    return "".join(part if isinstance(part, str) else read(part) for part in value[_TEXT])


def open_or_mask(value: Mapping[str, str]) -> str:
    """As ``open_sealed``; the mask for what cannot be opened."""
    try:
        return open_sealed(value)
    except SecretUnreadable:
        return MASK


def seal_anew(value: Any) -> Any:
    """The JSON value with every secret in it sealed by the newest key. Raises ``SecretUnreadable``."""
    if is_sealed(value):
        return seal(open_sealed(value))
    if isinstance(value, dict):
        return {name: seal_anew(item) for name, item in value.items()}
    return [seal_anew(item) for item in value] if isinstance(value, list) else value


def mask_sealed(value: Any) -> Any:
    """The JSON value with the mask in place of every sealed secret."""
    if is_sealed(value):
        return MASK
    if is_sealed_text(value):
        return join_sealed(value, lambda _: MASK)
    if isinstance(value, dict):
        return {name: mask_sealed(item) for name, item in value.items()}
    return [mask_sealed(item) for item in value] if isinstance(value, list) else value


def _keys() -> MultiFernet:
    return _derive_keys((settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))


@lru_cache(maxsize=8)
def _derive_keys(secret_keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(_derive_key(secret_key)) for secret_key in secret_keys])


def _derive_key(secret_key: str) -> bytes:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(secret_key.encode())
    return base64.urlsafe_b64encode(derived)

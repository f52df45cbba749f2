"""What looks like a secret, and how it is kept from logs, pages and reports."""

import re
from functools import lru_cache
from typing import Any

_SECRET_KEYS = re.compile(
    r"password|passwd|secret|token|authorization|cookie|(api|access|private|auth)[-_]?key|dsn|credential"
    r"|(?<![a-z])auth(?![a-z])",
    re.IGNORECASE,
)
_URL_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
REDACTED = "[redacted]"
_SHORT = 64
_DEEPEST = 100
"""Python itself gives up at some hundreds; nobody reads so far."""


def is_secret_name(name: str) -> bool:
    """Whether what goes by that name (a key, a field, a header) is taken for a secret."""
    return _is_secret_short(name) if len(name) <= _SHORT else _SECRET_KEYS.search(name) is not None


@lru_cache(maxsize=4_096)
def _is_secret_short(name: str) -> bool:
    """The same names come again and again; long ones are not worth their memory."""
    return _SECRET_KEYS.search(name) is not None


def redact(value: Any, key: str = "", *, depth: int = _DEEPEST) -> Any:
    """The value with everything that looks like a secret replaced; what is nested deeper than that is left out."""
    if key and is_secret_name(key):
        return REDACTED
    if isinstance(value, dict):
        return {name: redact(item, str(name), depth=depth - 1) for name, item in value.items()} if depth else REDACTED
    if isinstance(value, (list, tuple)):
        return [redact(item, depth=depth - 1) for item in value] if depth else REDACTED
    if isinstance(value, str):
        return _URL_CREDENTIALS.sub(f"{REDACTED}@", value) if "://" in value else value
    return value

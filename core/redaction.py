"""What looks like a secret, and how it is kept from logs, pages and reports."""

import re
from functools import lru_cache
from typing import Any

_SECRET_KEYS = re.compile(
    r"password|passwd|secret|token|authorization|cookie|(api|access|private|auth)[-_]?key|dsn|credential"
    r"|(?<![a-z])auth(?![a-z])|query_string|\.query\Z",
    re.IGNORECASE,
)
_URL_CREDENTIALS = re.compile(r"://[^/@\s]+@")
# Each stretch of text is tried at most a bounded number of times, so that no text makes these slow.
_NAMED = r"(?:passw|pwd|secret|token|(?:api|access|private|auth)[-_]?key|authorization|cookie|credential|session)"
_QUOTED = r"""b?(?:"(?:[^"\\\n]++|\\.)*+"?|'(?:[^'\\\n]++|\\.)*+'?)"""
_ESCAPED = r"""\\{1,3}["'][^"'\\\n]*+(?:\\{1,3}["'])?"""
_BARE = r"(?:(?:Bearer|Basic|Token) )?[^\s,;&<>}\]]+"
_PAIR = re.compile(
    rf"""(?P<name>{_NAMED}[\w.-]{{0,64}}+\\{{0,3}}["']?\s*[:=]\s*)(?:{_QUOTED}|{_ESCAPED}|{_BARE})""", re.IGNORECASE
)
_PAIR_MARKS = ("passw", "pwd", "secret", "token", "key", "authorization", "cookie", "credential", "session")
_SCHEME = re.compile(r"\b(?P<scheme>Bearer|Basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE)
_SCHEME_MARKS = ("bearer", "basic")
_END_OF_URL = r"""\s"'<>"""
_URL_QUERY = re.compile(rf"(?P<page>://[^{_END_OF_URL}?]{{0,500}}+\?)[^{_END_OF_URL}]+")
_PATH_QUERY = re.compile(rf"\?[\w.%~\[\]-]{{1,100}}+=[^{_END_OF_URL}]*")
_MARKS = (*_PAIR_MARKS, *_SCHEME_MARKS, "://", "?")
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


def may_hold_secret(text: str) -> bool:
    """False where ``redact_text`` and ``redact_queries`` would change nothing; cheap, so that it can be asked of much
    text at once."""
    lowered = text.lower()
    return any(mark in lowered for mark in _MARKS)


def redact_text(text: str) -> str:
    """The text without values behind names of secrets, sign-in schemes and credentials of addresses."""
    lowered = text.lower()
    if any(mark in lowered for mark in _PAIR_MARKS):
        text = _PAIR.sub(rf"\g<name>{REDACTED}", text)
    if any(mark in lowered for mark in _SCHEME_MARKS):
        text = _SCHEME.sub(rf"\g<scheme> {REDACTED}", text)
    return _without_credentials(text)


def redact_queries(text: str) -> str:
    """The text without the queries of its addresses, whole ones and paths."""
    if "?" not in text:
        return text
    if "://" in text:
        text = _URL_QUERY.sub(rf"\g<page>{REDACTED}", text)
    return _PATH_QUERY.sub(f"?{REDACTED}", text)


def redact(value: Any, key: str = "", *, depth: int = _DEEPEST) -> Any:
    """The value with everything that looks like a secret replaced; what is nested deeper than that is left out.
    Where there is none, none is claimed.
    """
    if value is None:
        return None
    if key and is_secret_name(key):
        return REDACTED
    if isinstance(value, dict):
        return {name: redact(item, str(name), depth=depth - 1) for name, item in value.items()} if depth else REDACTED
    if isinstance(value, (list, tuple)):
        return [redact(item, depth=depth - 1) for item in value] if depth else REDACTED
    if isinstance(value, str):
        return _without_credentials(value)
    return value


def _without_credentials(text: str) -> str:
    return _URL_CREDENTIALS.sub(f"://{REDACTED}@", text) if "://" in text else text

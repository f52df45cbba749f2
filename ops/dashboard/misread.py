"""Filters of an address that say nothing which a list could follow: it is empty then, and says why.

To leave one out would show all of the fleet to somebody who asked for a part of it.
"""

from collections.abc import Collection, Mapping

from django.http import QueryDict

from entities.domain import is_label_key
from ops.dashboard.lists import Misread, address

_TEXTS = ("q", "team", "environment", "entity", "kind", "release", "level")
_ONCE = ("team", "environment", "label")
_SHOWN = 80


def find_misread(query: QueryDict, path: str, words: Mapping[str, Collection[str]] | None = None) -> list[Misread]:
    """``words`` are the filters that take one of a few words; the others of every list are judged as well."""
    found = []
    for name, known in (words or {}).items():
        if (value := query.get(name)) and value not in known:
            found.append((name, f"{_quoted(value)} is no {name}. It is one of {', '.join(known)}."))
    if (label := query.get("label")) and not is_label(label):
        found.append(("label", f"{_quoted(label)} is no label. It is a key and its value, as key:value."))
    found += [
        (name, f"There is more than one {name}. A page is narrowed by one.")
        for name in _ONCE
        if len(query.getlist(name)) > 1
    ]
    found += [
        (name, f"The {name} holds a NUL character, which nothing does.")
        for name in _TEXTS
        if "\0" in query.get(name, "") and name not in (words or {})
    ]
    return [Misread(why, address(query, path, cursor=None, page=None, **{name: None})) for name, why in found]


def is_label(text: str) -> bool:
    key, colon, _value = text.partition(":")
    return bool(colon) and is_label_key(key) and "\0" not in text


def _quoted(value: str) -> str:
    value = value.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return f"“{value if len(value) <= _SHOWN else value[: _SHOWN - 1] + '…'}”"

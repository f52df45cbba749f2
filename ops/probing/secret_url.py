"""An address whose query may hold secrets: values of parameters whose names say so, such as ``api_key``.

It is the whole address wherever it is used, has the mask for these values wherever it is shown, and is stored as a text
with sealed parts.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote_plus

from pydantic import SecretStr, SerializationInfo, ValidationInfo

from core.redaction import is_secret_name
from core.secrets import MASK, is_sealed_text, join_sealed, seal_within

_PARAMETER = re.compile(r"(?P<lead>[?&;](?P<name>[^?&;=]+)=)(?P<value>[^&;]+)")


class SecretUrl(str):
    """Its ``repr`` is masked, as nobody asks for the address of something that is logged."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(self.masked)

    @property
    def masked(self) -> str:
        return self.replaced({name: MASK for name, _ in self.secrets})

    @property
    def secrets(self) -> list[tuple[str, SecretStr]]:
        """By the name of the parameter; of several of one name the later ones have their number behind it."""
        return [(name, SecretStr(found["value"])) for name, found in self._found()]

    @property
    def plain_parameters(self) -> list[tuple[str, str]]:
        """Names and values of the query that are no secrets."""
        found = _PARAMETER.finditer(self, max(self.find("?"), 0)) if "?" in self else ()
        named = ((unquote_plus(parameter["name"]), parameter["value"]) for parameter in found)
        return [(name, value) for name, value in named if not is_secret_name(name)]

    def replaced(self, values: Mapping[str, str]) -> str:
        """With other values for the secrets of these names."""
        return "".join(values.get(name, text) if name else text for name, text in self._parts())

    def sealed(self) -> Any:
        """As it is stored; without secrets the text itself."""
        parts = [(text, bool(name)) for name, text in self._parts()]
        return seal_within(parts) if any(is_secret for _, is_secret in parts) else str(self)

    def _parts(self) -> Iterator[tuple[str, str]]:
        """The whole address in parts: the name of the secret that a part is, empty for what is none, and its text."""
        end = 0
        for name, found in self._found():
            yield "", self[end : found.start("value")]
            yield name, found["value"]
            end = found.end("value")
        yield "", self[end:]

    def _found(self) -> Iterator[tuple[str, re.Match[str]]]:
        count: dict[str, int] = {}
        for found in _PARAMETER.finditer(self, max(self.find("?"), 0)) if "?" in self else ():
            if is_secret_name(name := unquote_plus(found["name"])):
                count[name] = count.get(name, 0) + 1
                yield name if count[name] == 1 else f"{name}.{count[name]}", found


def open_url(value: Any, info: ValidationInfo) -> Any:
    """Validates what is stored, as ``fields.open_secret`` does for a secret."""
    reader = (info.context or {}).get("open")
    return join_sealed(value, reader) if reader is not None and is_sealed_text(value) else value


def write_url(value: str, info: SerializationInfo) -> Any:
    """With the mask; for what is stored, with sealed parts."""
    url = SecretUrl(value)
    return url.sealed() if (info.context or {}).get("seal") is not None else url.masked

"""What every operation of the API refuses in its input, whatever the operation is."""

from typing import Any

import orjson
from django.http import HttpRequest
from ninja.parser import Parser
from pydantic import BaseModel

from core.errors import FieldError, ValidationFailed

DEPTH_MAX = 32


class JsonParser(Parser):
    """JSON bodies by orjson, which refuses NaN, lone surrogates and invalid UTF-8.

    On top of it: a body deeper than ``DEPTH_MAX``, and the NUL character, which PostgreSQL cannot store.
    """

    def parse_body(self, request: HttpRequest) -> Any:
        data = orjson.loads(request.body)
        _check(data, path=())
        return data


def _check(value: Any, path: tuple[str, ...]) -> None:
    if len(path) > DEPTH_MAX:
        raise ValidationFailed("The body is nested too deeply", errors=(FieldError("", f"over {DEPTH_MAX} levels"),))
    if isinstance(value, str):
        if "\0" in value:
            raise ValidationFailed(
                "NUL characters are not allowed",
                errors=(FieldError(".".join(path), "holds a NUL character"),),
            )
    elif isinstance(value, dict):
        for key, item in value.items():
            _check(key, (*path, key.replace("\0", "?")))
            _check(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check(item, (*path, str(index)))


class NoQuery(BaseModel):
    """The query of an operation that takes none."""


def refuse_unknown_query(request: HttpRequest, query: type[BaseModel]) -> None:
    """A misspelt filter must not answer with everything: raise ``ValidationFailed`` for a name that is not known."""
    unknown = sorted(set(request.GET) - set(query.model_fields))
    if unknown:
        known = ", ".join(query.model_fields) or "none"
        raise ValidationFailed(
            "Unknown query parameters",
            errors=tuple(FieldError(name[:80], f"no such parameter; there are {known}") for name in unknown[:10]),
        )

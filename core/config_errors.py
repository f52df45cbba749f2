"""How a wrong setting is told: one line with its name, its value unless secret, and what is allowed."""

import difflib
import os
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

PREFIX = "QUARTERDECK_"


class ConfigurationError(Exception):
    """Settings are wrong; ``lines`` has one line for each."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def variable(field: str) -> str:
    return f"{PREFIX}{field.upper()}"


def is_secret(info: FieldInfo) -> bool:
    return "SecretStr" in str(info.annotation)


def allowed_values(info: FieldInfo) -> str:
    """What a setting accepts, in words."""
    extra = info.json_schema_extra
    if isinstance(extra, dict) and "allowed" in extra:
        return str(extra["allowed"])
    if get_origin(info.annotation) is Literal:
        return "one of " + ", ".join(get_args(info.annotation))
    if info.annotation is bool:
        return "true or false"
    bounds = {type(item).__name__: item for item in info.metadata}
    if info.annotation is int:
        low, high = (getattr(bounds[name], name.lower()) for name in ("Ge", "Le"))
        return f"a whole number from {low} to {high}"
    raise TypeError(f"say what {info} accepts")


def explain(error: ErrorDetails, fields: Mapping[str, FieldInfo]) -> list[str]:
    """The lines for one error of pydantic."""
    if not error["loc"]:
        return str(error["msg"]).splitlines()
    field = str(error["loc"][0])
    info = fields.get(field)
    if info is None:
        return [f"{field} in the configuration file: no such setting{_suggestion(field, fields)}"]
    given = "the value" if is_secret(info) else repr(_given(field, error["input"]))[:120]
    return [f"{variable(field)}: {given} is not allowed; expected {allowed_values(info)}"]


def _given(field: str, value: Any) -> Any:
    """The whole value as it was written: of a list, pydantic reports the wrong part alone.

    A stronger source than the environment, such as a secret file, may be the wrong one.
    """
    written = os.environ.get(variable(field))
    return written if written is not None and str(value) in written else value


def unknown_variables(known: set[str]) -> list[str]:
    """A line for each ``QUARTERDECK_*`` variable that is no setting: a typing error must not be ignored in silence."""
    wrong = (name for name in sorted(os.environ) if name.startswith(PREFIX) and name not in known)
    return [f"{name}: no such setting{_suggestion(name, known)}" for name in wrong]


def _suggestion(name: str, known: Mapping[str, Any] | set[str]) -> str:
    """Of what is close without the prefix that all variables share, and that makes them alike."""
    bare = {item.removeprefix(PREFIX): item for item in known}
    near = difflib.get_close_matches(name.removeprefix(PREFIX), bare, n=1)
    return f"; did you mean {bare[near[0]]}?" if near else ""

"""Text as it may be stored: no control characters, which PostgreSQL, logs and terminals refuse or obey, and nothing
that turns the direction of the text around it (UAX #9: embeddings, overrides, isolates), which shows another text."""

import re
from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo

TURNING = r"\u202a-\u202e\u2066-\u2069"
"""Of a class of characters: what turns the direction."""
LINE_PATTERN = rf"^[^\x00-\x1f\x7f-\x9f{TURNING}]*$"
TEXT_PATTERN = rf"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f{TURNING}]*$"
_LINE = re.compile(LINE_PATTERN.removesuffix("$"))
_TEXT = re.compile(TEXT_PATTERN.removesuffix("$"))


STORED = "stored"
"""Key of a validation context: what is validated was taken under the rules of its time, and is read as it is."""


def is_stored(info: ValidationInfo) -> bool:
    return bool(info.context and info.context.get(STORED))


def _check_line(value: str, info: ValidationInfo) -> str:
    if not is_stored(info) and _LINE.fullmatch(value) is None:
        raise ValueError("must be one line without control characters")
    return value


def _check_text(value: str, info: ValidationInfo) -> str:
    if not is_stored(info) and _TEXT.fullmatch(value) is None:
        raise ValueError("must not hold control characters other than tab and line break")
    return value


def spelled(pattern: str, words: str) -> Callable[[str], str]:
    """A check that a text matches the pattern as a whole; ``words`` tell people what it allows."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if compiled.fullmatch(value) is None:
            raise ValueError(words)
        return value

    return check


Line = Annotated[str, AfterValidator(_check_line), Field(json_schema_extra={"pattern": LINE_PATTERN})]
"""One line of text. Bound its length where it is used."""

Text = Annotated[str, AfterValidator(_check_text), Field(json_schema_extra={"pattern": TEXT_PATTERN})]
"""Text of several lines. Bound its length where it is used."""

"""Text as it may be stored: no control characters, which PostgreSQL, logs and terminals refuse or obey."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

LINE_PATTERN = r"^[^\x00-\x1f\x7f]*$"
TEXT_PATTERN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
_LINE = re.compile(LINE_PATTERN.removesuffix("$"))
_TEXT = re.compile(TEXT_PATTERN.removesuffix("$"))


def _check_line(value: str) -> str:
    if _LINE.fullmatch(value) is None:
        raise ValueError("must be one line without control characters")
    return value


def _check_text(value: str) -> str:
    if _TEXT.fullmatch(value) is None:
        raise ValueError("must not hold control characters other than tab and line break")
    return value


Line = Annotated[str, AfterValidator(_check_line), Field(json_schema_extra={"pattern": LINE_PATTERN})]
"""One line of text. Bound its length where it is used."""

Text = Annotated[str, AfterValidator(_check_text), Field(json_schema_extra={"pattern": TEXT_PATTERN})]
"""Text of several lines. Bound its length where it is used."""

"""Regular expressions that people write: RE2's, which take time linear in the text."""

from functools import lru_cache
from typing import Annotated, Any

import re2
from pydantic import AfterValidator, Field

LENGTH_MAX = 500
PROGRAM_MAX = 500
"""Steps of the compiled expression; ``(.{50}){15}`` is short to write and long to run."""
_MEMORY_BYTES = 1_000_000


def validate_expression(text: str) -> str:
    """Raises ``ValueError`` with the position for what is no expression, and for one that is too large."""
    try:
        program = compile_expression(text)
    except re2.error as error:
        raise ValueError(_describe(text, error.args[0])) from None
    if program.programsize > PROGRAM_MAX:
        raise ValueError(f"too large: it compiles to {program.programsize} steps, and {PROGRAM_MAX} are allowed")
    return text


@lru_cache(maxsize=4096)
def compile_expression(text: str) -> Any:
    """What ``search`` is called on. Raises ``re2.error``."""
    options = re2.Options()
    options.max_mem, options.log_errors = _MEMORY_BYTES, False
    return re2.compile(text, options)


def _describe(text: str, error: bytes | str) -> str:
    """RE2 names the part that it stumbled over; where that stands is the position."""
    said = error.decode(errors="replace") if isinstance(error, bytes) else error
    reason, _, part = said.partition(": ")
    if "too large" in said:
        return "too large for an expression"
    position = text.rfind(part) if part else 0
    return f"{reason}, at character {max(position, 0) + 1} of {text[:80]!r}"


type Expression = Annotated[str, Field(min_length=1, max_length=LENGTH_MAX), AfterValidator(validate_expression)]

"""Regular expressions over what a target sent: RE2, whose time is linear in the text, over bytes."""

from functools import lru_cache
from typing import Annotated, Any

import re2
from pydantic import AfterValidator, Field


@lru_cache(maxsize=4096)
def compile_pattern(pattern: str) -> Any:
    """The pattern, ready to search bytes: each byte is a character. Raises ``ValueError``."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    options.max_mem = 1 << 20
    try:
        return re2.compile(pattern.encode(), options=options)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        words = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"not a pattern that RE2 takes: {words[:200]}") from None


def _check_pattern(value: str) -> str:
    compile_pattern(value)
    return value


type BytesPattern = Annotated[str, Field(min_length=1, max_length=1_000), AfterValidator(_check_pattern)]

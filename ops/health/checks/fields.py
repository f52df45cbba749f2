"""Types of the fields that kinds share."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from core.durations import describe_duration_ms, format_duration_ms, parse_duration_ms


def _parse(value: object) -> int:
    if isinstance(value, (str, int, float)):
        return parse_duration_ms(value)
    raise ValueError("expected a duration such as 300ms, 30s, 5m, 48h or 30d")


def _clean_host(value: str) -> str:
    host = value.strip("[]").rstrip(".")
    if not host or not host.isascii() or any(character.isspace() or character in "/@?#\\%[]" for character in host):
        raise ValueError("expected a host name or an address; write an international name in its xn-- form")
    return host


def between(bounds: tuple[int, int]) -> AfterValidator:
    """A duration within the bounds, both included."""
    low, high = bounds

    def check(value: int) -> int:
        if not low <= value <= high:
            raise ValueError(f"must be {describe_duration_ms(low)} to {describe_duration_ms(high)}")
        return value

    return AfterValidator(check)


type Duration = Annotated[
    int,
    BeforeValidator(_parse, json_schema_input_type=str | float),
    PlainSerializer(format_duration_ms, return_type=str),
]
"""Milliseconds, read and written as ``30s``."""

type Host = Annotated[str, Field(max_length=253), AfterValidator(_clean_host)]
type Port = Annotated[int, Field(ge=1, le=65535)]

"""Types of the fields that kinds share."""

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    SecretStr,
    SerializationInfo,
    ValidationInfo,
)

from core.durations import describe_duration_ms, format_duration_ms, parse_duration_ms
from core.secrets import MASK, is_sealed
from core.text import is_stored
from ops.probing.hosts import clean_host


def _parse(value: object) -> int:
    if isinstance(value, (str, int, float)):
        return parse_duration_ms(value)
    raise ValueError("expected a duration such as 300ms, 30s, 5m, 48h or 30d")


def _clean_host(value: str, info: ValidationInfo) -> str:
    return value if is_stored(info) else clean_host(value)


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


def open_secret(value: Any, info: ValidationInfo) -> Any:
    """Validates what is stored: a sealed secret is opened by the function ``open`` of the context. Without one, as
    for everything that people write, sealed values are refused like any other wrong type.
    """
    reader = (info.context or {}).get("open")
    return reader(value) if reader is not None and is_sealed(value) else value


def write_secret(value: SecretStr | None, info: SerializationInfo) -> Any:
    """The mask; for what is stored, what the function ``seal`` of the context makes of it."""
    if value is None:
        return None
    writer = (info.context or {}).get("seal")
    return writer(value.get_secret_value()) if writer is not None else MASK


type Secret = Annotated[
    SecretStr,
    Field(min_length=1, max_length=4096),
    BeforeValidator(open_secret, json_schema_input_type=SecretStr),
    PlainSerializer(write_secret),
]
"""A password, a token: encrypted where it is stored, a mask wherever it is shown (``core.secrets``)."""

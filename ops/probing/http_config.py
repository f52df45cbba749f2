"""The fields of an ``http`` check, and what may stand in them."""

import base64
import re
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    SecretStr,
    SerializationInfo,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError

from core.egress import Endpoint
from core.redaction import REDACTED, is_secret_name, redact
from core.secrets import MASK, mask_sealed
from core.text import is_stored, spelled
from core.validation import wrong_field
from ops.probing.config import KindConfig
from ops.probing.fields import Secret, open_secret, write_secret
from ops.probing.hosts import check_port, clean_host
from ops.probing.http_request import Request
from ops.probing.secret_url import SecretUrl, open_url, write_url

# A URL is read twice, here and by libcurl. Only characters about which all readers agree may be in it.
_URL = re.compile(
    r"(?P<scheme>(?i:https?))://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[^/?]*))?"
    r"(?P<rest>[/?][A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]*)?"
)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e\t]{0,4096}")
_OWN_HEADERS = frozenset({"content-length", "transfer-encoding", "connection", "expect", "upgrade", "traceparent"})
_QUERY_VALUE = re.compile(r"(?P<name>[^&;=]+=)[^&;]*|[^&;]+")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@lru_cache(maxsize=4096)
def endpoint_of(url: str) -> Endpoint:
    """Whom a valid URL dials."""
    parts = urlsplit(url)
    port = _DEFAULT_PORTS[parts.scheme] if parts.port is None else parts.port
    return Endpoint(parts.hostname or "", port)


def validate_url(value: str, *, is_stored: bool = False) -> str:
    """The URL with a scheme in lower case and without its fragment; names of hosts are not judged in what is stored.

    Raises ``ValueError``.
    """
    url = value.strip().partition("#")[0]
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise ValueError("credentials do not belong into the URL; send them in a header")
    found = _URL.fullmatch(url)
    if found is None:
        raise ValueError("expected http:// or https:// with a host, in ASCII and with percent-encoding")
    if not is_stored or found["host"].startswith("["):
        clean_host(found["host"])
    check_port(found["port"])
    return found["scheme"].lower() + url[found.end("scheme") :]


def _read_url(value: str, info: ValidationInfo) -> SecretUrl:
    return SecretUrl(validate_url(value, is_stored=is_stored(info)))


def mask_url(url: str) -> str:
    """The URL without credentials, with the names of its query alone."""
    address, mark, query = url.partition("?")
    return str(redact(address)) + mark + _QUERY_VALUE.sub(rf"\g<name>{REDACTED}", query)


def _read_header_value(value: Any, info: ValidationInfo) -> str:
    text = open_secret(value, info)
    if not isinstance(text, str):
        raise PydanticCustomError("string_type", "Input should be a valid string")
    return text


def _write_header_value(value: str | SecretStr, info: SerializationInfo) -> Any:
    return write_secret(value, info) if isinstance(value, SecretStr) else value


def _validate_headers(headers: dict[str, str]) -> dict[str, str | SecretStr]:
    """The headers, those that may sign in as secrets."""
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise ValueError(f"not a header: {name[:40]!r}")
        if name.lower() in _OWN_HEADERS:
            raise ValueError(f"the probe itself sets {name}")
    return {name: SecretStr(value) if value and is_secret_name(name) else value for name, value in headers.items()}


type Url = Annotated[
    str,
    Field(max_length=2000),
    BeforeValidator(open_url, json_schema_input_type=str),
    AfterValidator(_read_url),
    PlainSerializer(write_url),
]
"""An address; values of its query that go by the name of a secret are kept as secrets (``secret_url``)."""
type HeaderValue = Annotated[
    str | SecretStr,
    PlainValidator(_read_header_value, json_schema_input_type=str),
    PlainSerializer(_write_header_value),
]
_BASIC_USER = r"[^:\x00-\x1f]+"
type BasicUser = Annotated[
    str,
    AfterValidator(spelled(_BASIC_USER, "must not be empty, nor hold a colon or control characters")),
    Field(max_length=256, json_schema_extra={"pattern": f"^{_BASIC_USER}$"}),
]
type Headers = Annotated[dict[str, HeaderValue], Field(max_length=50), AfterValidator(_validate_headers)]


class RequestConfig(KindConfig):
    """Whom a check asks over HTTP, and as whom; ``basic_user`` with its password, or ``bearer_token``."""

    url: Url = Field(title="Address", examples=["https://payments.example.com/health"])
    headers: Headers = Field(
        default_factory=dict,
        title="Headers",
        description="One a line.",
        examples=["Accept: application/json"],
        json_schema_extra={"advanced": True},
    )
    basic_user: BasicUser | None = Field(
        None, title="User", description="Of HTTP basic authentication.", json_schema_extra={"advanced": True}
    )
    basic_password: Secret | None = Field(None, title="Password", json_schema_extra={"advanced": True})
    bearer_token: Secret | None = Field(None, title="Bearer token", json_schema_extra={"advanced": True})
    verify_tls: bool = Field(
        True,  # noqa: FBT003 - the default of a field
        title="Verify the certificate",
        json_schema_extra={"advanced": True},
    )

    @model_validator(mode="after")
    def _signs_in_once(self) -> Self:
        if (self.basic_user is None) != (self.basic_password is None):
            missing = "basic_user" if self.basic_user is None else "basic_password"
            raise wrong_field(missing, "user and password belong together")
        ways = [self.basic_user, self.bearer_token, *(name for name in self.headers if name.lower() == "authorization")]
        if sum(way is not None for way in ways) > 1:
            field = "bearer_token" if self.bearer_token is not None else "basic_user"
            raise wrong_field(field, "give one of user with password, bearer token and the header Authorization")
        if self.bearer_token is not None and not _HEADER_VALUE.fullmatch(_plain(self.bearer_token)):
            raise wrong_field("bearer_token", "must be printable ASCII, as headers carry it")
        return self

    @classmethod
    def masked(cls, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Any header can be the one that signs in, and a body or the value of a query as well."""
        shown = super().masked(fields)
        if isinstance(url := mask_sealed(fields.get("url")), str):
            shown["url"] = mask_url(url)
        if headers := fields.get("headers"):
            shown["headers"] = _mask_headers(mask_sealed(headers)) if isinstance(headers, dict) else REDACTED
        if fields.get("body"):
            shown["body"] = REDACTED
        return shown

    @cached_property
    def header_lines(self) -> tuple[str, ...]:
        # A name with ";" instead of ":" is libcurl's way to send a header without a value.
        plain = ((name, _plain(value)) for name, value in self.headers.items())
        lines = [f"{name}: {value}" if value.strip() else f"{name};" for name, value in plain]
        if self.bearer_token is not None:
            lines.append(f"Authorization: Bearer {_plain(self.bearer_token)}")
        elif self.basic_user is not None and self.basic_password is not None:
            pair = f"{self.basic_user}:{_plain(self.basic_password)}".encode()
            lines.append(f"Authorization: Basic {base64.b64encode(pair).decode()}")
        return tuple(lines)

    @property
    def protection(self) -> int:
        return 1 + self.verify_tls if self.url.startswith("https:") else 0

    @property
    def request(self) -> Request:
        return Request(self.url, "GET", self.header_lines, None, self.verify_tls)


def _plain(value: str | SecretStr) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _mask_headers(headers: Mapping[str, Any]) -> dict[str, str]:
    return {name: MASK if value == MASK else REDACTED for name, value in headers.items()}

"""The fields of an ``http`` check, and what may stand in them."""

import re
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from core.egress import Endpoint
from core.telemetry.logging import REDACTED, redact
from ops.health.checks.kind import KindConfig

# A URL is read twice, here and by libcurl. Only characters about which all readers agree may be in it.
_URL = re.compile(
    r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?([/?][A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]*)?"
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


def validate_url(value: str) -> str:
    """The URL without its fragment. Raises ``ValueError``."""
    url = value.strip().partition("#")[0]
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise ValueError("credentials do not belong into the URL; send them in a header")
    if not _URL.fullmatch(url):
        raise ValueError("expected http:// or https:// with a host, in ASCII and with percent-encoding")
    try:
        port = endpoint_of(url).port
    except ValueError:
        port = 0
    if not 1 <= port <= 65535:
        raise ValueError("the port must be 1 to 65535")
    return url


def mask_url(url: str) -> str:
    """The URL without credentials, with the names of its query alone."""
    address, mark, query = url.partition("?")
    return str(redact(address)) + mark + _QUERY_VALUE.sub(rf"\g<name>{REDACTED}", query)


def _validate_headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise ValueError(f"not a header: {name[:40]!r}")
        if name.lower() in _OWN_HEADERS:
            raise ValueError(f"the probe itself sets {name}")
    return headers


type Url = Annotated[str, Field(max_length=2000), AfterValidator(validate_url)]
type Headers = Annotated[dict[str, str], Field(max_length=50), AfterValidator(_validate_headers)]
type Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class HttpConfig(KindConfig):
    """One request. Redirects are followed on demand, at most three, without headers and body on another origin."""

    url: Url
    method: Method = "GET"
    headers: Headers = Field(default_factory=dict)
    body: Annotated[str, Field(max_length=65_536)] | None = None
    follow_redirects: bool = False
    verify_tls: bool = True

    @classmethod
    def masked(cls, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Any header can be the one that signs in, and a body or the value of a query as well."""
        shown = super().masked(fields)
        if isinstance(url := fields.get("url"), str):
            shown["url"] = mask_url(url)
        if headers := fields.get("headers"):
            shown["headers"] = dict.fromkeys(headers, REDACTED) if isinstance(headers, dict) else REDACTED
        if fields.get("body"):
            shown["body"] = REDACTED
        return shown

    @cached_property
    def header_lines(self) -> tuple[str, ...]:
        # A name with ";" instead of ":" is libcurl's way to send a header without a value.
        return tuple(f"{name}: {value}" if value.strip() else f"{name};" for name, value in self.headers.items())

    @cached_property
    def body_bytes(self) -> bytes | None:
        return None if self.body is None else self.body.encode()

"""What is asked for in one HTTP request."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """``http2`` asks for it in the handshake, or takes it for granted where there is none.

    ``connect_to`` is whom to dial instead of the URL's host, in libcurl's form ``::host:port``.
    """

    url: str
    method: str
    header_lines: tuple[str, ...]
    body: bytes | None
    verify_tls: bool
    http2: bool = False
    connect_to: str = ""

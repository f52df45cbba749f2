"""One request through libcurl: its options, its limits, and what it measured."""

import contextlib
import socket
import ssl
from dataclasses import dataclass
from typing import Any

import certifi
import pycurl

from core import __version__
from core.egress import TargetRefused
from ops.health.checks.kind import ProbeContext

BODY_LIMIT_BYTES = 1_048_576
"""Counted after decompression, so that a small bomb stays small. libcurl itself caps the headers at 300 KiB."""
NAME_CACHE_SECONDS = 30
_CA_FILE = ssl.get_default_verify_paths().cafile or certifi.where()
_USER_AGENT = f"Quarterdeck/{__version__}"
_NO_SOCKET = -1
_SPARE_HANDLES = 256
_spare: list[pycurl.Curl] = []


@dataclass(frozen=True, slots=True)
class Request:
    url: str
    method: str
    header_lines: tuple[str, ...]
    body: bytes | None
    verify_tls: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """``seconds`` is the whole request; ``certificate_expires`` the earliest end in the chain, in Unix seconds."""

    status: int
    body: bytes
    address: str
    location: str
    seconds: float
    phases: dict[str, float]
    certificate_expires: float | None


class Transfer:
    """A handle set up for one request. ``close`` gives the handle back; the object is not used afterwards."""

    def __init__(
        self, request: Request, context: ProbeContext, seconds: float, *, handshake_only: bool = False
    ) -> None:
        self.request = request
        self.refused: TargetRefused | None = None
        self.overflowed = False
        self._policy = context.policy
        self._chunks: list[bytes] = []
        self._size = 0
        self._tls = request.url.startswith("https:")
        self.handle = _spare.pop() if _spare else pycurl.Curl()
        self._set_connection(max(1, round(seconds * 1000)))
        if handshake_only:
            self._trust_any_certificate()
            self.handle.setopt(pycurl.CONNECT_ONLY, 1)
        else:
            self._set_request(context.traceparent)

    def _set_connection(self, timeout_ms: int) -> None:
        set_option = self.handle.setopt
        set_option(pycurl.URL, self.request.url)
        set_option(pycurl.NOSIGNAL, 1)
        set_option(pycurl.TIMEOUT_MS, timeout_ms)
        set_option(pycurl.CONNECTTIMEOUT_MS, timeout_ms)
        set_option(pycurl.FRESH_CONNECT, 1)
        set_option(pycurl.FORBID_REUSE, 1)
        set_option(pycurl.PROXY, "")  # the environment's proxy would be dialled unjudged
        set_option(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        set_option(pycurl.DNS_CACHE_TIMEOUT, NAME_CACHE_SECONDS)
        set_option(pycurl.OPENSOCKETFUNCTION, self._open_socket)
        if self._tls:
            set_option(pycurl.OPT_CERTINFO, 1)
            set_option(pycurl.CAINFO, _CA_FILE)
            if not self.request.verify_tls:
                self._trust_any_certificate()

    def _trust_any_certificate(self) -> None:
        self.handle.setopt(pycurl.SSL_VERIFYPEER, 0)
        self.handle.setopt(pycurl.SSL_VERIFYHOST, 0)

    def _set_request(self, traceparent: str) -> None:
        set_option, request = self.handle.setopt, self.request
        # Without "Accept-Encoding: identity" it would ask for compression; it decodes what comes compressed anyway.
        own = (f"traceparent: {traceparent}", "Accept-Encoding: identity", "Expect:")
        set_option(pycurl.HTTPHEADER, [*own, *request.header_lines])
        set_option(pycurl.ACCEPT_ENCODING, "")
        set_option(pycurl.USERAGENT, _USER_AGENT)
        set_option(pycurl.WRITEFUNCTION, self._take)
        if request.body is not None:
            set_option(pycurl.POSTFIELDS, request.body)
        if request.method == "HEAD":
            set_option(pycurl.NOBODY, 1)
        elif request.method != "GET" or request.body is not None:
            set_option(pycurl.CUSTOMREQUEST, request.method)

    def _open_socket(self, _purpose: int, address: Any) -> int:
        """Judge the address that is about to be dialled, whatever led to it."""
        try:
            self._policy.check_address(address.addr[0], address.addr[1])
        except TargetRefused as refused:
            self.refused = refused
            return _NO_SOCKET
        return socket.socket(address.family, address.socktype, address.protocol).detach()

    def _take(self, chunk: bytes) -> int | None:
        self._size += len(chunk)
        if self._size > BODY_LIMIT_BYTES:
            self.overflowed = True
            return 0
        self._chunks.append(chunk)
        return None

    def read_answer(self) -> Answer:
        info = self.handle.getinfo
        resolved, connected = info(pycurl.NAMELOOKUP_TIME), info(pycurl.CONNECT_TIME)
        sent, first_byte, total = (
            info(pycurl.PRETRANSFER_TIME),
            info(pycurl.STARTTRANSFER_TIME),
            info(pycurl.TOTAL_TIME),
        )
        secured = info(pycurl.APPCONNECT_TIME) if self._tls else connected
        return Answer(
            status=info(pycurl.RESPONSE_CODE),
            body=b"".join(self._chunks),
            address=info(pycurl.PRIMARY_IP),
            location=info(pycurl.REDIRECT_URL) or "",
            seconds=total,
            phases={
                "resolve": resolved,
                "connect": connected - resolved,
                "tls": secured - connected,
                "processing": first_byte - sent,
                "transfer": total - first_byte,
            },
            certificate_expires=find_certificate_expiry(self.handle) if self._tls else None,
        )

    def close(self) -> None:
        if len(_spare) < _SPARE_HANDLES:
            self.handle.reset()
            _spare.append(self.handle)
        else:
            self.handle.close()


def find_certificate_expiry(handle: pycurl.Curl) -> float | None:
    """When the first certificate of the presented chain ends, in Unix seconds."""
    ends = []
    for certificate in handle.getinfo(pycurl.INFO_CERTINFO):
        for name, value in certificate:
            if name == "Expire date":
                with contextlib.suppress(ValueError):
                    ends.append(ssl.cert_time_to_seconds(value))
    return min(ends, default=None)

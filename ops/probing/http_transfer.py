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
from ops.probing.http_request import Request
from ops.probing.probe import ProbeContext

BODY_LIMIT_BYTES = 1_048_576
"""Counted after decompression, so that a small bomb stays small. libcurl itself caps the headers at 300 KiB."""
NAME_CACHE_SECONDS = 30
_CA_FILE = ssl.get_default_verify_paths().cafile or certifi.where()
_USER_AGENT = f"Quarterdeck/{__version__}"
_NO_SOCKET = -1
_SPARE_HANDLES = 256
_spare: list[pycurl.Curl] = []


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


def _set_constants(handle: pycurl.Curl) -> pycurl.Curl:
    """What is the same for every request; it stays on the handle from one to the next."""
    set_option = handle.setopt
    set_option(pycurl.NOSIGNAL, 1)
    set_option(pycurl.FRESH_CONNECT, 1)
    set_option(pycurl.FORBID_REUSE, 1)
    set_option(pycurl.SSL_SESSIONID_CACHE, 0)  # a session that is resumed shows no certificate, and verifies none
    set_option(pycurl.PROXY, "")  # the environment's proxy would be dialled unjudged
    set_option(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
    set_option(pycurl.DNS_CACHE_TIMEOUT, NAME_CACHE_SECONDS)
    set_option(pycurl.ACCEPT_ENCODING, "")
    set_option(pycurl.USERAGENT, _USER_AGENT)
    return handle


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
        self.handle = _spare.pop() if _spare else _set_constants(pycurl.Curl())
        self._is_altered = False
        set_option = self.handle.setopt
        set_option(pycurl.URL, request.url)
        set_option(pycurl.TIMEOUT_MS, max(1, round(seconds * 1000)))
        set_option(pycurl.OPENSOCKETFUNCTION, self._open_socket)
        set_option(pycurl.WRITEFUNCTION, self._take)
        if request.connect_to:
            self._alter(pycurl.CONNECT_TO, [request.connect_to])
        if self._tls:
            set_option(pycurl.OPT_CERTINFO, 1)
            set_option(pycurl.CAINFO, _CA_FILE)
            if not request.verify_tls:
                self._alter(pycurl.SSL_VERIFYPEER, 0)
                self._alter(pycurl.SSL_VERIFYHOST, 0)
        if handshake_only:
            self._alter(pycurl.CONNECT_ONLY, 1)
        else:
            self._set_request(context.traceparent)

    def _alter(self, option: int, value: object) -> None:
        """Set what the next request must not find on the handle."""
        self._is_altered = True
        self.handle.setopt(option, value)

    def _set_request(self, traceparent: str) -> None:
        request = self.request
        # Without "Accept-Encoding: identity" it would ask for compression; it decodes what comes compressed anyway.
        own = (f"traceparent: {traceparent}", "Accept-Encoding: identity", "Expect:")
        self.handle.setopt(pycurl.HTTPHEADER, [*own, *request.header_lines])
        if request.http2:
            version = pycurl.CURL_HTTP_VERSION_2TLS if self._tls else pycurl.CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE
            self._alter(pycurl.HTTP_VERSION, version)
        if request.body is not None:
            self._alter(pycurl.POSTFIELDS, request.body)
        if request.method == "HEAD":
            self._alter(pycurl.NOBODY, 1)
        elif request.method != "GET" or request.body is not None:
            self._alter(pycurl.CUSTOMREQUEST, request.method)

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
        self._chunks.clear()  # the handle refers to this object until its next request
        if len(_spare) >= _SPARE_HANDLES:
            self.handle.close()
            return
        if self._is_altered:
            self.handle.reset()
            _set_constants(self.handle)
        _spare.append(self.handle)


def find_certificate_expiry(handle: pycurl.Curl) -> float | None:
    """When the first certificate of the presented chain ends, in Unix seconds."""
    ends = []
    for certificate in handle.getinfo(pycurl.INFO_CERTINFO):
        for name, value in certificate:
            if name == "Expire date":
                with contextlib.suppress(ValueError):
                    ends.append(ssl.cert_time_to_seconds(value))
    return min(ends, default=None)

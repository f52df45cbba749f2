"""libcurl's failures in words that an operator reads."""

import os
import re

import pycurl

from core.durations import describe_duration_ms
from ops.probing.http_transfer import BODY_LIMIT_BYTES, Transfer
from ops.probing.probe import ProbeFailed

_HOST = re.compile(r"https?://(?P<host>\[.*\]|[^/?]*?)(?::[0-9]*)?(?:[/?]|$)")
_PLAIN: dict[int, tuple[str, str]] = {
    pycurl.E_GOT_NOTHING: ("receive", "connection closed without an answer"),
    pycurl.E_PARTIAL_FILE: ("receive", "connection closed in the middle of the answer"),
    pycurl.E_RECV_ERROR: ("receive", "connection lost while receiving the answer"),
    pycurl.E_SEND_ERROR: ("send", "connection lost while sending the request"),
    pycurl.E_UNSUPPORTED_PROTOCOL: ("receive", "the answer is not HTTP"),
    pycurl.E_FTP_WEIRD_SERVER_REPLY: ("receive", "the answer is not HTTP"),
    pycurl.E_BAD_CONTENT_ENCODING: ("receive", "the body is not compressed as it says"),
}


def explain_failure(transfer: Transfer, *, code: int, text: str, allowed_seconds: float) -> ProbeFailed:
    phase, message = _explain(transfer, code, text, allowed_seconds)
    duration_us = round(transfer.handle.getinfo(pycurl.TOTAL_TIME) * 1e6)
    return ProbeFailed(phase, message, duration_us=duration_us)


def _explain(transfer: Transfer, code: int, text: str, allowed: float) -> tuple[str, str]:
    if transfer.refused is not None and code != pycurl.E_OPERATION_TIMEDOUT:
        return "refused", transfer.refused.message
    if transfer.overflowed:
        return "receive", f"the body is over {BODY_LIMIT_BYTES // 1024} KiB"
    if "response headers" in text:  # libcurl has no code of its own for too many and too large ones
        return "receive", "the headers are over the limit"
    if code in _PLAIN:
        return _PLAIN[code]
    match code:
        case pycurl.E_OPERATION_TIMEDOUT:
            return "timeout", f"timed out after {describe_duration_ms(allowed * 1000)} while {_doing(transfer)}"
        case pycurl.E_COULDNT_RESOLVE_HOST:
            return "dns", f"{_host_of(transfer)} does not resolve"
        case pycurl.E_URL_MALFORMAT:
            return "dns", f"{_host_of(transfer)} is not a host name or an address"
        case pycurl.E_COULDNT_CONNECT:
            return "connect", _connect_error(transfer)
        case pycurl.E_SSL_CONNECT_ERROR:
            return "tls", "TLS handshake failed" if transfer.request.url.startswith("https:") else text
        case pycurl.E_PEER_FAILED_VERIFICATION:
            return "tls", _certificate_error(text, _host_of(transfer))
    return "receive", f"HTTP failed: {text[:200]}"


def _connect_error(transfer: Transfer) -> str:
    number = transfer.handle.getinfo(pycurl.OS_ERRNO)
    words = os.strerror(number) if number else "connection failed"
    return words[:1].lower() + words[1:]


def _host_of(transfer: Transfer) -> str:
    """As libcurl was told, which may be none that a URL can have."""
    found = _HOST.match(transfer.request.url)
    return found["host"].strip("[]") if found else transfer.request.url


def _certificate_error(text: str, host: str) -> str:
    if "has expired" in text:
        return "certificate has expired"
    if "not yet valid" in text:
        return "certificate is not valid yet"
    if "subject name" in text or "alternative" in text:
        return f"certificate is not for {host}"
    if "self-signed certificate in" in text or "self signed certificate in" in text:
        return "certificate is from an unknown authority"
    if "self-signed" in text or "self signed" in text:
        return "certificate is self-signed"
    if "issuer certificate" in text:
        return "certificate is from an unknown authority, or its chain is not complete"
    return f"certificate is not trusted: {text.rpartition(': ')[2].partition(' (')[0][:100]}"


def _doing(transfer: Transfer) -> str:
    """What the transfer was at when its time was over: the first stage that libcurl has no time for."""
    info = transfer.handle.getinfo
    if not info(pycurl.NAMELOOKUP_TIME):
        return "resolving the name"
    if not info(pycurl.CONNECT_TIME):
        return "connecting"
    if transfer.request.url.startswith("https:") and not info(pycurl.APPCONNECT_TIME):
        return "in the TLS handshake"
    if not info(pycurl.STARTTRANSFER_TIME):
        return "waiting for the answer"
    return "receiving the answer"

"""What a host may be: an address, or a name of DNS as zones have it (RFC 1123, underscores besides)."""

import ipaddress
import re

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_WITH_PORT = re.compile(r"(?:[^:]*|\[.*\]):[0-9]*")
_PORT = re.compile(r"[0-9]{1,5}")
NAME_MAX = 253


def clean_host(value: str) -> str:
    """The host without brackets and without the dot of the root. Raises ``ValueError``."""
    if value.startswith("[") and value.endswith("]"):
        return _clean_ipv6(value[1:-1])
    if "://" in value:
        raise ValueError("write the host alone, without a scheme and a path")
    if _WITH_PORT.fullmatch(value):
        raise ValueError("write the host alone; the port has a field of its own")
    if ":" in value:
        return _clean_ipv6(value)
    name = value.removesuffix(".")
    if not name.isascii():
        raise ValueError("expected a host name or an address; write an international name in its xn-- form")
    if len(name) > NAME_MAX or not _NAME.fullmatch(name):
        raise ValueError(
            "expected a host name or an address: letters, digits, hyphens and underscores,"
            f" 63 at most between two dots, {NAME_MAX} in all"
        )
    if name.rpartition(".")[2].isdigit():
        _clean_ipv4(name)
    return name


def check_port(text: str | None) -> None:
    """What stands behind the colon of an address, None without a colon. Raises ``ValueError``."""
    if text is not None and not (_PORT.fullmatch(text) and 1 <= int(text) <= 65535):
        raise ValueError("the port must be 1 to 65535" if text else "write a port behind the colon, or leave both out")


def _clean_ipv4(text: str) -> None:
    """No domain of the top level is a number, so what ends in one can only be an address; some readers would take
    ``127.1`` for one as well."""
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        raise ValueError(f"{text[:60]!r} ends in a number as no name does, and is not an IPv4 address") from None


def _clean_ipv6(text: str) -> str:
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        raise ValueError(f"{text[:60]!r} is not an IPv6 address") from None
    if address.scope_id is not None:
        raise ValueError("write the address without its zone")
    return text

"""Where the platform may connect on behalf of what people typed in.

Private networks are the job. Link-local, cloud metadata, multicast and unspecified addresses are never dialled.
Loopback and the platform's own stores need the operator's ``QUARTERDECK_PROBE_ALLOW_CIDRS``. IPv4 addresses hidden in
IPv6 ones are unwrapped and held to the same rules.

Asked twice: ``check_host`` when a target is saved (no DNS), ``check_address`` for every address actually dialled.
"""

import ipaddress
import re
import socket
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from urllib.parse import unquote, urlsplit

from core.config import Config, get_config
from core.errors import ValidationFailed

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address
type Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class TargetRefused(ValidationFailed):
    """The platform must not connect there; the message says why."""

    code = "target_refused"
    title = "The target is not allowed"


_NEVER: tuple[tuple[Network, str], ...] = tuple(
    (ipaddress.ip_network(network), reason)
    for network, reason in (
        ("0.0.0.0/8", "an unspecified address"),
        ("::/128", "an unspecified address"),
        ("169.254.0.0/16", "a link-local or cloud metadata address"),
        ("fe80::/10", "a link-local address"),
        ("224.0.0.0/4", "a multicast address"),
        ("ff00::/8", "a multicast address"),
        ("255.255.255.255/32", "the broadcast address"),
        ("100.100.100.200/32", "a cloud metadata address"),
        ("168.63.129.16/32", "a cloud metadata address"),
        ("192.0.0.192/32", "a cloud metadata address"),
        ("fd00:ec2::/32", "a cloud metadata address"),
        ("fd20:ce::254/128", "a cloud metadata address"),
    )
)
_LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
_LOOPBACK_ADDRESSES = (ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1"))
_LOOPBACK_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})
_METADATA_NAMES = frozenset({"metadata.google.internal", "metadata.goog", "metadata", "instance-data"})
_ODD_IPV4 = re.compile(r"[0-9a-fx]+(\.[0-9a-fx]+){0,3}")

_LAST_32_BITS = tuple(
    ipaddress.ip_network(network)
    for network in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48")
)
_LOCAL_NAT64 = ipaddress.ip_network("64:ff9b:1::/48")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host, as a name or an address, and a port."""

    host: str
    port: int


def _embedded(address: ipaddress.IPv6Address) -> list[Address]:
    """The IPv4 addresses that an IPv6 one carries: mapped, compatible, 6to4, NAT64, Teredo."""
    if address in _LOOPBACK_ADDRESSES or not int(address):
        return []
    found: list[Address] = []
    if any(address in network for network in _LAST_32_BITS):
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    if address in _LOCAL_NAT64:  # RFC 6052, a 48 bit prefix: the bits 64 to 71 are zero and stand in between
        bits = int(address)
        found.append(ipaddress.IPv4Address((bits >> 64 & 0xFFFF) << 16 | (bits >> 40 & 0xFFFF)))
    if address.sixtofour is not None:
        found.append(address.sixtofour)
    if address.teredo is not None:
        found.extend(address.teredo)
    return found


def _literal(host: str) -> Address | None:
    """The address that a host name spells, in any form that a resolver takes without asking DNS."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    if not _ODD_IPV4.fullmatch(host):
        return None
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))  # takes 127.1, 0x7f.1, 0177.0.0.1, 2130706433
    except OSError:
        return None


@dataclass(frozen=True, slots=True, eq=False)
class AddressPolicy:
    """``allow`` are the networks that the operator opened; ``own_stores`` the database and the broker.

    Compared and hashed by identity: it is the key of what was remembered, with every address that is dialled.
    """

    allow: tuple[Network, ...] = ()
    own_stores: frozenset[Endpoint] = frozenset()

    def check_host(self, host: str, port: int) -> None:
        """Judge a host as it was typed, without DNS. Raises ``TargetRefused``."""
        name = unicodedata.normalize("NFKC", unquote(host)).strip().strip("[]").rstrip(".").lower()
        if (address := _literal(name)) is not None:
            self._check(address, port)
        elif name in _LOOPBACK_NAMES or name.endswith(".localhost"):
            if not any(self._allows(loopback) for loopback in _LOOPBACK_ADDRESSES):
                raise _loopback_refused(name)
        elif name in _METADATA_NAMES:
            raise TargetRefused(f"{name} is a cloud metadata service, and never probed")
        elif Endpoint(name, port) in self.own_stores:
            raise _store_refused(f"{name}:{port}")

    def check_address(self, address: str, port: int) -> None:
        """Judge an address about to be dialled. Raises ``TargetRefused``."""
        if (refusal := _remembered_refusal(self, address, port)) is not None:
            raise TargetRefused(refusal)

    def _check(self, address: Address, port: int) -> None:
        inner = _embedded(address) if isinstance(address, ipaddress.IPv6Address) else []
        for candidate in (*inner, address):
            for network, reason in _NEVER:
                if candidate in network:
                    raise TargetRefused(f"{address} is {reason}, and never probed")
            if self._allows(candidate):
                continue
            if any(candidate in network for network in _LOOPBACK):
                raise _loopback_refused(str(address))
            if Endpoint(str(candidate), port) in self.own_stores:
                raise _store_refused(f"{address}:{port}")

    def _allows(self, address: Address) -> bool:
        return any(address in network for network in self.allow)


@lru_cache(maxsize=4096)
def _remembered_refusal(policy: AddressPolicy, address: str, port: int) -> str | None:
    """Why not, or None. Remembered: the same few addresses are dialled again and again."""
    try:
        policy._check(ipaddress.ip_address(address.partition("%")[0]), port)  # noqa: SLF001 - its other half
    except TargetRefused as refused:
        return refused.message
    except ValueError:
        return f"{address} is not an address"
    return None


def _loopback_refused(what: str) -> TargetRefused:
    return TargetRefused(f"{what} is this machine itself; QUARTERDECK_PROBE_ALLOW_CIDRS would have to allow it")


def _store_refused(what: str) -> TargetRefused:
    return TargetRefused(f"{what} is Quarterdeck's own store; QUARTERDECK_PROBE_ALLOW_CIDRS would have to allow it")


def _own_stores(config: Config) -> frozenset[Endpoint]:
    """The stores as configured, and every address that their names have now."""
    endpoints = set()
    for url, default_port in ((config.database_url, 5432), (config.redis_url, 6379)):
        parts = urlsplit(url.get_secret_value()) if url is not None else None
        if parts is None or not parts.hostname:
            continue
        port = parts.port or default_port
        endpoints.add(Endpoint(parts.hostname, port))
        try:
            found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
        except OSError:
            continue
        endpoints.update(Endpoint(str(entry[4][0]), port) for entry in found)
    return frozenset(endpoints)


@cache
def current_policy() -> AddressPolicy:
    """The policy of this process, from its configuration."""
    config = get_config()
    return AddressPolicy(allow=config.probe_allow_cidrs, own_stores=_own_stores(config))

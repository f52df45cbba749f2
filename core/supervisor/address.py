"""The address of the web server: where it listens, and where this machine reaches it."""

import http.client
import ipaddress
import socket

from core.config import Config
from core.supervisor.refusal import StartRefused


def listen_address(host: str) -> str:
    """The IP address of ``host``. Raises ``StartRefused`` for a name that is not known here."""
    try:
        return str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0])
    except OSError as error:
        raise StartRefused(f"QUARTERDECK_HTTP_HOST: {host!r} has no address here: {error.strerror}") from None


def local_address(host: str) -> str:
    """Where a process of this machine reaches a server that listens on ``host``."""
    address = ipaddress.ip_address(listen_address(host))
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "::1"
    return str(address)


def local_url(host: str, port: int) -> str:
    address = local_address(host)
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


def reserve_port(host: str, port: int) -> socket.socket:
    """A socket that is bound and never listens: it keeps others off the port while the web server restarts.

    Raises ``StartRefused`` when the port is taken.
    """
    address = listen_address(host)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family) as probe:  # the web server shares its port, so a plain bind finds another one
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
        held = socket.socket(family)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind((address, port))
    except PermissionError:
        raise StartRefused(f"QUARTERDECK_HTTP_PORT: this user may not listen on port {port}") from None
    except OSError as error:
        raise StartRefused(
            f"QUARTERDECK_HTTP_PORT: {address}:{port} cannot be used: {(error.strerror or '').lower()}; "
            "another program may be listening there"
        ) from None
    return held


def own_host_name(config: Config) -> str:
    """A host name that the web server answers to."""
    name = config.allowed_hosts[0]
    return "localhost" if name == "*" else name.removeprefix(".")


def answers(config: Config, path: str, *, timeout: float) -> bool:
    """Whether the web server of this machine answers a GET of ``path`` with 200."""
    server = http.client.HTTPConnection(local_address(config.http_host), config.http_port, timeout=timeout)
    try:
        server.request("GET", path, headers={"Host": own_host_name(config)})
        return server.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        server.close()

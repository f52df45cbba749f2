"""The address of the web server: where it listens, and where this machine reaches it."""

import http.client
import ipaddress
import socket

from core.config import Config


def listen_address(host: str) -> str:
    """The IP address of ``host``. Raises ``OSError`` for a name that is not known here."""
    return str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0])


def local_address(host: str) -> str:
    """Where a process of this machine reaches a server that listens on ``host``."""
    address = ipaddress.ip_address(listen_address(host))
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "::1"
    return str(address)


def local_url(host: str, port: int) -> str:
    address = local_address(host)
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


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

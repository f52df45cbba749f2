"""Targets on loopback for probes: servers that answer as told, well or badly."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

type Behaviour = Callable[[socket.socket, bytes], None]


@dataclass
class Target:
    """``requests`` are the raw requests so far; ``behave`` may be replaced at any time."""

    port: int
    behave: Behaviour
    scheme: str = "http"
    requests: list[bytes] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/"


def answer(status: str = "200 OK", body: bytes = b"", *headers: str) -> Behaviour:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    payload = "\r\n".join(lines).encode() + body
    return lambda connection, _request: connection.sendall(payload)


@contextlib.contextmanager
def run_target(behave: Behaviour, *, tls: ssl.SSLContext | None = None, backlog: int = 512) -> Iterator[Target]:
    """A server whose every connection is handled by ``behave`` after the head of a request came in."""
    with socket.create_server(("127.0.0.1", 0), backlog=backlog) as listener:
        target = Target(listener.getsockname()[1], behave, "https" if tls else "http")
        threading.Thread(target=_accept, args=(listener, target, tls), daemon=True).start()
        try:
            yield target
        finally:
            target.released.set()
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, target: Target, tls: ssl.SSLContext | None) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _address = listener.accept()
            threading.Thread(target=_handle, args=(connection, target, tls), daemon=True).start()


def _handle(connection: socket.socket, target: Target, tls: ssl.SSLContext | None) -> None:
    with contextlib.suppress(OSError), connection:
        stream = tls.wrap_socket(connection, server_side=True) if tls else connection
        request = b""
        while b"\r\n\r\n" not in request:
            if not (chunk := stream.recv(65_536)):
                return
            request += chunk
        head, _, body = request.partition(b"\r\n\r\n")
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                while len(body) < int(line.split(b":")[1]):
                    body += stream.recv(65_536)
        target.requests.append(head + b"\r\n\r\n" + body)
        target.behave(stream, request)


def hang(target: Target) -> Behaviour:
    """Take the request and say nothing until the target ends."""

    def behave(_connection: socket.socket, _request: bytes) -> None:
        target.released.wait(60)

    return behave


CERTIFICATES = Path(__file__).parent / "certificates"


def certificate(name: str) -> Path:
    """A self-signed certificate with its key: ``valid`` until 2120, ``expired`` since 2025-01-02, ``elsewhere``."""
    return CERTIFICATES / f"{name}.pem"


def tls_with(name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(name))
    return context

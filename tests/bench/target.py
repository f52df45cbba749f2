"""The target of the probes, a process of its own: ``python -m tests.bench.target`` prints its ports.

It answers whatever comes as cheaply as Python can, over plain TCP and over TLS, and closes. ``/metrics`` is a page of
Resilience4j with ``BREAKERS`` breakers.
"""

import asyncio
import contextlib
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import certifi
import uvloop

from deploy.demo.resilience4j import Breaker, render_page

CERTIFICATE = Path(__file__).parents[1] / "ops/health/certificates/valid.pem"
BREAKERS = 100
_PAGE = render_page(Breaker(f"backend-{number}") for number in range(BREAKERS)).encode()
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
_METRICS = _HEAD % len(_PAGE) + _PAGE
_ANSWER = _HEAD % 3 + b"ok\n"


class _Answering(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        self._transport.write(_METRICS if data.startswith(b"GET /metrics ") else _ANSWER)
        self._transport.close()


async def _serve() -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(CERTIFICATE)
    tls.num_tickets = 0
    loop = asyncio.get_running_loop()
    plain = await loop.create_server(_Answering, "127.0.0.1", 0, backlog=4096)
    secure = await loop.create_server(_Answering, "127.0.0.1", 0, backlog=4096, ssl=tls)
    ports = [server.sockets[0].getsockname()[1] for server in (plain, secure)]
    print(*ports, flush=True)  # noqa: T201 - what the bench reads
    await asyncio.gather(plain.serve_forever(), secure.serve_forever())


@dataclass(frozen=True, slots=True)
class Target:
    port: int
    tls_port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def metrics_url(self) -> str:
        return f"{self.url}metrics"

    @property
    def tls_url(self) -> str:
        return f"https://127.0.0.1:{self.tls_port}/"


@contextlib.contextmanager
def run_target() -> Iterator[Target]:
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.target"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield Target(*(int(port) for port in process.stdout.readline().split()))
    finally:
        process.terminate()
        process.wait(10)


def write_trust(folder: Path) -> Path:
    """The usual authorities and the target's own, as one file: what every prober of the bench trusts."""
    file = folder / "trust.pem"
    certificate = CERTIFICATE.read_text()
    begin = certificate.index("-----BEGIN CERTIFICATE")
    file.write_text(Path(certifi.where()).read_text() + certificate[begin:])
    return file


if __name__ == "__main__":
    uvloop.run(_serve())

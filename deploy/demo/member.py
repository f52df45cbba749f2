"""One process of the fleet: ``python -m deploy.demo.member NAME FOLDER ADDRESS``.

``ADDRESS`` is the port to listen on, or the ping address of a job. It ends with the process that started it.
"""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deploy.demo.trouble import FLEET, Member, Mood, Role, current_mood

LOOK_SECONDS = 0.2
"""How often it asks for its mood."""
SLOW_SECONDS = 0.6
PING_SECONDS = 5.0
CERTIFICATE_DAYS = 5


class Server:
    """Answers in its mood; while it is gone, nothing listens on its port."""

    def __init__(self, member: Member, folder: Path, port: int) -> None:
        self._member = member
        self._folder = folder
        self._port = port
        self._started = time.monotonic()
        self._tls = serve_tls(folder) if member.role is Role.HTTPS else None
        self._listening: asyncio.Server | None = None

    @property
    def mood(self) -> Mood:
        return current_mood(self._member, time.monotonic() - self._started, self._folder)

    async def run(self) -> None:
        while True:
            if self.mood is Mood.GONE:
                self._stop_listening()
            elif self._listening is None:
                handle = self._close if self._member.role is Role.TCP else self._answer
                self._listening = await asyncio.start_server(handle, "127.0.0.1", self._port, ssl=self._tls)
            await asyncio.sleep(LOOK_SECONDS)

    def _stop_listening(self) -> None:
        if self._listening is not None:
            self._listening.close()
            self._listening = None

    async def _close(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await reader.readuntil(b"\r\n\r\n")
            mood = self.mood
            if mood is Mood.SLOW:
                await asyncio.sleep(SLOW_SECONDS)
            status, body = ("503 Service Unavailable", b'{"status": "overloaded"}')
            if mood is not Mood.FAILING:
                status, body = ("200 OK", b'{"status": "ok"}')
            head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            writer.write(f"{head}Connection: close\r\n\r\n".encode() + body)
            await writer.drain()
        writer.close()


def serve_tls(folder: Path) -> ssl.SSLContext:
    """With a certificate of its own that expires soon."""
    file = folder / "certificate.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=85))
        .not_valid_after(now + dt.timedelta(days=CERTIFICATE_DAYS, hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file.touch(mode=0o600)
    file.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def run_job(member: Member, folder: Path, address: str) -> None:
    """Report to the ping address, unless it is in the mood to forget."""
    started = time.monotonic()
    while True:
        mood = current_mood(member, time.monotonic() - started, folder)
        if mood is not Mood.GONE:
            with contextlib.suppress(urllib.error.URLError, OSError):  # Quarterdeck itself may be starting
                urllib.request.urlopen(  # noqa: S310 - our own address
                    f"{address}/fail" if mood is Mood.FAILING else address, timeout=PING_SECONDS
                ).close()
        wait_until = time.monotonic() + PING_SECONDS
        while time.monotonic() < wait_until and current_mood(member, time.monotonic() - started, folder) is mood:
            time.sleep(LOOK_SECONDS)


def main(name: str, folder: str, address: str) -> None:
    member = next(member for member in FLEET if member.name == name)
    if member.role is Role.JOB:
        run_job(member, Path(folder), address)
    else:
        asyncio.run(Server(member, Path(folder), int(address)).run())


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(*sys.argv[1:])

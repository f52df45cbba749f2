"""``python -m deploy.demo.service NAME FOLDER PORT DSN``: a service of two instances, in one process.

``/health`` is always well; ``/a/metrics`` and ``/b/metrics`` are the pages of the instances, whose breakers follow the
mood of the service. It throws through Sentry's SDK all the time. It ends with the process that started it.
"""

import asyncio
import contextlib
import sys
import threading
import time
from pathlib import Path

from deploy.demo.member import LOOK_SECONDS
from deploy.demo.resilience4j import Breaker, render_page
from deploy.demo.thrown import throw_for_ever
from deploy.demo.trouble import FLEET, Member, current_mood


class Service:
    """The breakers of both instances; ``b`` closes again without trying."""

    def __init__(self, member: Member, folder: Path) -> None:
        self._member = member
        self._folder = folder
        self._started = self._followed = time.monotonic()
        self._payments = {"a": Breaker("payments"), "b": Breaker("payments", retries=False)}
        self._stock = {"a": Breaker("stock"), "b": Breaker("stock")}

    async def run(self, port: int) -> None:
        server = await asyncio.start_server(self._answer, "127.0.0.1", port)
        async with server:
            while True:
                self._follow()
                await asyncio.sleep(LOOK_SECONDS)

    def _follow(self) -> None:
        now = time.monotonic()
        mood, seconds = current_mood(self._member, now - self._started, self._folder), now - self._followed
        self._followed = now
        for breaker in self._payments.values():
            breaker.follow(mood, seconds)
        for breaker in self._stock.values():
            breaker.follow(mood.FINE, seconds)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            head = await reader.readuntil(b"\r\n\r\n")
            status, body = self._page(head.split(b" ", 2)[1].decode("latin-1"))
            told = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
            writer.write(f"{told}Connection: close\r\n\r\n{body}".encode())
            await writer.drain()
        writer.close()

    def _page(self, path: str) -> tuple[str, str]:
        if path == "/health":
            return "200 OK", "ok"
        instance = path.strip("/").partition("/")[0]
        if path != f"/{instance}/metrics" or instance not in self._payments:
            return "404 Not Found", "no such page"
        return "200 OK", render_page([self._payments[instance], self._stock[instance]])


def main(name: str, folder: str, port: str, dsn: str) -> None:
    member = next(member for member in FLEET if member.name == name)
    threading.Thread(target=throw_for_ever, args=(name, dsn), daemon=True).start()
    asyncio.run(Service(member, Path(folder)).run(int(port)))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(*sys.argv[1:])

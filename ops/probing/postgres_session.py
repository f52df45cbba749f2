"""A PostgreSQL that is asked read-only: one judged address, one transaction that may not write, one deadline."""

import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Literal

import psycopg
from psycopg import waiting

from ops.probing.attempt import Attempt

SslMode = Literal["disable", "prefer", "require", "verify-full"]
SSL_MODES: tuple[SslMode, ...] = ("disable", "prefer", "require", "verify-full")
"""The safer the later."""

_NO_FILE = "/dev/null/none"
"""Never there, hence passed over in silence; of ``/dev/null`` libpq complains, and without a path it takes its own."""
_SERVER = re.compile(r"^.*?connection to server at .*? failed: ", re.DOTALL)


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """``tls`` is libpq's ``sslmode``: ``require`` encrypts, ``verify-full`` also proves who answers."""

    host: str
    port: int
    database: str
    user: str
    password: str
    tls: SslMode


class ReadOnlyConnection(psycopg.AsyncConnection[Any]):
    """One that is given up at once when its time is over: psycopg's own takes five seconds more to cancel."""

    async def wait(self, gen: Any, interval: float = 0.0, timeout: float | None = None) -> Any:  # noqa: ASYNC109
        return await waiting.wait_async(gen, self.pgconn.socket, interval=interval, timeout=timeout)

    async def fetch_texts(self, query: str, *, columns: int, limit: int) -> list[str | None]:
        """The first columns of the first row as the server spells them, each at most ``limit`` bytes; none without a
        row. It stands behind a cursor: one statement, of which one row is fetched. Raises ``psycopg.Error``.
        """
        async with self.cursor(name="quarterdeck") as cursor:
            await cursor.execute(query.encode())
            if await cursor.fetchone() is None or cursor.pgresult is None:
                return []
            values = [cursor.pgresult.get_value(0, at) for at in range(min(columns, cursor.pgresult.nfields))]
            return [None if value is None else value[:limit].decode(errors="replace") for value in values]


@contextlib.asynccontextmanager
async def read_only(server: PostgresServer, address: str, running: Attempt) -> AsyncIterator[ReadOnlyConnection]:
    """A connection to the judged ``address`` of the server. Raises ``psycopg.Error``."""
    with running.step("connect", "connecting and signing in"):
        connection = await ReadOnlyConnection.connect(**_parameters(server, address, running))
    try:
        with running.step("receive", "waiting for the answer"):
            await connection.set_read_only(True)
            milliseconds = max(1, round(running.left_seconds * 1000))
            await connection.execute(f"SET LOCAL statement_timeout = {milliseconds}")  # an integer of our own
            yield connection
    finally:
        await connection.close()


def _parameters(server: PostgresServer, address: str, running: Attempt) -> dict[str, Any]:
    """What libpq is told; it dials the judged address, and reads no password file of its own."""
    return {
        "host": server.host,
        "hostaddr": address,
        "port": server.port,
        "dbname": server.database,
        "user": server.user,
        "password": server.password,
        "passfile": _NO_FILE,
        "sslmode": server.tls,
        "sslrootcert": "system" if server.tls == "verify-full" else "",
        "gssencmode": "disable",
        "connect_timeout": max(2, round(running.left_seconds) + 1),
        "application_name": "quarterdeck",
        "prepare_threshold": None,
    }


def describe_database_error(error: psycopg.Error) -> str:
    """The server's or the client library's own words, of one line, without what was dialled."""
    words = error.diag.message_primary or _SERVER.sub("", str(error)) or type(error).__name__
    return words.strip().splitlines()[0].removeprefix("FATAL: ").strip()

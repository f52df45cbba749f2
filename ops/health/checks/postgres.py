"""``postgres``: a PostgreSQL lets one sign in and answers a query, read-only and within the time.

The query runs behind a cursor in a transaction that may not write: one statement, of which one row is fetched.
"""

import re
from typing import Any, ClassVar, Literal

import psycopg
from psycopg import waiting
from pydantic import Field

from core.egress import Endpoint
from core.text import Line, Text
from ops.probing.attempt import Attempt, attempt
from ops.probing.config import KindConfig, Presentation
from ops.probing.fields import Host, Port, Secret
from ops.probing.probe import Observation, ProbeContext, ProbeFailed

_SERVER = re.compile(r"^.*?connection to server at .*? failed: ", re.DOTALL)
_VALUE_SHOWN = 100
_VALUE_LIMIT = 65_536

_STANDING = """
SELECT pg_is_in_recovery(),
  CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
  ELSE (extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000)::float8 END
"""
"""Whether it is a replica, and then how many milliseconds it is behind; none are known before it replayed anything."""


class PostgresConfig(KindConfig):
    """``query`` is one SELECT, VALUES, TABLE or WITH; the first column of its first row is the value. ``tls`` is
    libpq's ``sslmode``: ``require`` encrypts, ``verify-full`` also proves who answers.
    """

    presentation: ClassVar[Presentation] = Presentation(
        title="PostgreSQL",
        summary="Signs in and runs a read-only query.",
        glyph="M3 4c0-2.5 10-2.5 10 0v8c0 2.5-10 2.5-10 0Zm0 0c0 2.5 10 2.5 10 0M3 8c0 2.5 10 2.5 10 0",
        suggested={"interval": "30s", "timeout": "5s"},
        conditions=("[REPLICATION_LAG] < 10s",),
    )

    host: Host = Field(title="Host", examples=["payments-db.internal"])
    port: Port = Field(5432, title="Port")
    database: Line = Field(default="postgres", min_length=1, max_length=63, title="Database")
    user: Line = Field(default="postgres", min_length=1, max_length=63, title="User")
    password: Secret | None = Field(None, title="Password")
    tls: Literal["disable", "prefer", "require", "verify-full"] = Field(
        "prefer", title="TLS", json_schema_extra={"advanced": True}
    )
    query: Text = Field(
        default="SELECT 1",
        min_length=1,
        max_length=4_000,
        title="Query",
        json_schema_extra={"advanced": True, "multiline": True},
    )
    expected: Line | None = Field(
        default=None,
        max_length=500,
        title="Expected value",
        description="Of the first column of the first row.",
        json_schema_extra={"advanced": True},
    )
    role: Literal["any", "primary", "replica"] = Field("any", title="Role", json_schema_extra={"advanced": True})


class PostgresKind:
    name: ClassVar[str] = "postgres"
    Config: ClassVar[type[KindConfig]] = PostgresConfig
    placeholders: ClassVar[frozenset[str]] = frozenset(
        {"CONNECTED", "IP", "VALUE", "ROLE", "REPLICATION_LAG", "RESPONSE_TIME"}
    )
    default_conditions: ClassVar[tuple[str, ...]] = ()

    def targets(self, config: PostgresConfig) -> list[Endpoint]:
        return [Endpoint(config.host, config.port)]

    def expectation(self, config: PostgresConfig) -> None:  # noqa: ARG002 - it goes out and looks
        return None

    async def probe(self, config: PostgresConfig, context: ProbeContext) -> Observation:
        """``VALUE`` is text; ``REPLICATION_LAG`` is in milliseconds, absent on a primary."""
        async with attempt(context) as running:
            try:
                return await _look(config, running)
            except psycopg.Error as error:
                raise ProbeFailed(running.phase, describe_database_error(error)) from None
        raise AssertionError("an attempt swallows nothing")


async def _look(config: PostgresConfig, running: Attempt) -> Observation:
    entry = await running.first_allowed(config.host, config.port)
    with running.step("connect", "connecting and signing in"):
        connection = await _Connection.connect(**_parameters(config, str(entry[4][0]), running))
    try:
        with running.step("receive", "waiting for the answer"):
            await connection.set_read_only(True)
            milliseconds = max(1, round(running.left_seconds * 1000))
            await connection.execute(f"SET LOCAL statement_timeout = {milliseconds}")  # an integer of our own
            standing = await (await connection.execute(_STANDING)).fetchone()
            value = await _fetch_value(connection, config.query)
    finally:
        await connection.close()
    is_replica, lag_ms = standing or (False, None)
    role = "replica" if is_replica else "primary"
    if config.role not in {"any", role}:
        raise ProbeFailed("receive", f"is a {role}, not a {config.role}")
    if config.expected is not None and value != config.expected:
        raise ProbeFailed("receive", f"the value is {_shown(value)}, not {config.expected!r}")
    values: dict[str, Any] = {"CONNECTED": True, "IP": str(entry[4][0]), "ROLE": role}
    if value is not None:
        values["VALUE"] = value
    if is_replica and lag_ms is not None:
        values["REPLICATION_LAG"] = round(max(0.0, lag_ms))
    return running.observe(**values)


class _Connection(psycopg.AsyncConnection[Any]):
    """One that is given up at once when its time is over: psycopg's own takes five seconds more to cancel."""

    async def wait(self, gen: Any, interval: float = 0.0, timeout: float | None = None) -> Any:  # noqa: ASYNC109
        return await waiting.wait_async(gen, self.pgconn.socket, interval=interval, timeout=timeout)


def _parameters(config: PostgresConfig, address: str, running: Attempt) -> dict[str, Any]:
    """What libpq is told; it dials the judged address, and reads no password file of its own."""
    return {
        "host": config.host,
        "hostaddr": address,
        "port": config.port,
        "dbname": config.database,
        "user": config.user,
        "password": config.password.get_secret_value() if config.password is not None else "",
        "passfile": "/dev/null",
        "sslmode": config.tls,
        "sslrootcert": "system" if config.tls == "verify-full" else "",
        "gssencmode": "disable",
        "connect_timeout": max(2, round(running.left_seconds) + 1),
        "application_name": "quarterdeck",
        "prepare_threshold": None,
    }


async def _fetch_value(connection: _Connection, query: str) -> str | None:
    """The first column of the first row as text. Raises ``psycopg.Error``."""
    async with connection.cursor(name="quarterdeck") as cursor:
        await cursor.execute(query.encode())
        if await cursor.fetchone() is None or cursor.pgresult is None:
            return None
        value = cursor.pgresult.get_value(0, 0)
        return None if value is None else value[:_VALUE_LIMIT].decode(errors="replace")


def _shown(value: str | None) -> str:
    return "absent" if value is None else repr(value[:_VALUE_SHOWN])


def describe_database_error(error: psycopg.Error) -> str:
    """The server's or the client library's own words, of one line, without what was dialled."""
    words = error.diag.message_primary or _SERVER.sub("", str(error)) or type(error).__name__
    return words.strip().splitlines()[0].removeprefix("FATAL: ").strip()

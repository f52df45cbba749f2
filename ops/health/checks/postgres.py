"""``postgres``: a PostgreSQL lets one sign in and answers a query, read-only and within the time.

The query runs behind a cursor in a transaction that may not write: one statement, of which one row is fetched.
"""

from typing import Any, ClassVar, Literal

import psycopg
from pydantic import Field, ValidationInfo, field_validator

from core.egress import Endpoint
from core.text import Line, Text, is_stored
from ops.probing.attempt import Attempt, attempt
from ops.probing.config import KindConfig, Presentation
from ops.probing.fields import Host, Port, Secret
from ops.probing.postgres_session import SSL_MODES, PostgresServer, SslMode, describe_database_error, read_only
from ops.probing.probe import Observation, ProbeContext, ProbeFailed
from ops.probing.reading_query import check_reading_query

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
    tls: SslMode = Field("prefer", title="TLS", json_schema_extra={"advanced": True})
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

    @field_validator("query")
    @classmethod
    def _reads(cls, query: str, info: ValidationInfo) -> str:
        return query if is_stored(info) else check_reading_query(query, "postgresql")

    @property
    def protection(self) -> int:
        return SSL_MODES.index(self.tls)

    @property
    def server(self) -> PostgresServer:
        password = self.password.get_secret_value() if self.password is not None else ""
        return PostgresServer(self.host, self.port, self.database, self.user, password, self.tls)


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
    address = str((await running.first_allowed(config.host, config.port))[4][0])
    async with read_only(config.server, address, running) as connection:
        standing = await (await connection.execute(_STANDING)).fetchone()
        value = next(iter(await connection.fetch_texts(config.query, columns=1, limit=_VALUE_LIMIT)), None)
    is_replica, lag_ms = standing or (False, None)
    role = "replica" if is_replica else "primary"
    if config.role not in {"any", role}:
        raise ProbeFailed("receive", f"is a {role}, not a {config.role}")
    if config.expected is not None and value != config.expected:
        raise ProbeFailed("receive", f"the value is {_shown(value)}, not {config.expected!r}")
    values: dict[str, Any] = {"CONNECTED": True, "IP": address, "ROLE": role}
    if value is not None:
        values["VALUE"] = value
    if is_replica and lag_ms is not None:
        values["REPLICATION_LAG"] = round(max(0.0, lag_ms))
    return running.observe(**values)


def _shown(value: str | None) -> str:
    return "absent" if value is None else repr(value[:_VALUE_SHOWN])

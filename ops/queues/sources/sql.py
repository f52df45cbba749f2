"""``sql``: a table in which work waits, by a read-only query that gives its size and perhaps the oldest age."""

import math
from typing import Annotated, ClassVar, Self

import psycopg
from pydantic import Field, ValidationInfo, field_validator, model_validator

from core.egress import Endpoint
from core.text import Line, Text, is_stored
from core.validation import wrong_field
from ops.probing.attempt import Attempt, attempt
from ops.probing.config import KindConfig, Presentation
from ops.probing.fields import Host, Port, Secret
from ops.probing.postgres_session import SSL_MODES, PostgresServer, SslMode, describe_database_error, read_only
from ops.probing.probe import ProbeContext, ProbeFailed
from ops.probing.reading_query import Engine, check_reading_query
from ops.queues.sources.source import Reading
from ops.queues.sources.sqlite_file import check_path, fetch_first_row

_NUMBER_BYTES = 100
_SIZE_MAX = 1 << 62


class SqlConfig(KindConfig):
    """``query`` is one SELECT, VALUES, TABLE or WITH; of its first row the first column is the size, the second the
    age of the oldest in seconds. ``path`` is for SQLite, the other fields of the server for PostgreSQL.
    """

    presentation: ClassVar[Presentation] = Presentation(
        title="Table in a database",
        summary="Size and oldest age by a read-only query to PostgreSQL or SQLite.",
        glyph="M3 4c0-2.5 10-2.5 10 0v8c0 2.5-10 2.5-10 0Zm0 0c0 2.5 10 2.5 10 0M3 8c0 2.5 10 2.5 10 0",
        suggested={"interval": "30s", "timeout": "5s"},
    )
    meaningless: ClassVar[frozenset[str]] = frozenset({"min_consumers"})

    engine: Engine = Field("postgresql", title="Database engine")
    host: Host | None = Field(None, title="Host", description="Of the PostgreSQL.", examples=["jobs-db.internal"])
    port: Port = Field(5432, title="Port")
    database: Annotated[Line, Field(min_length=1, max_length=63)] = Field("postgres", title="Database")
    user: Annotated[Line, Field(min_length=1, max_length=63)] = Field("postgres", title="User")
    password: Secret | None = Field(None, title="Password")
    tls: SslMode = Field("prefer", title="TLS", json_schema_extra={"advanced": True})
    path: Annotated[Line, Field(min_length=1, max_length=500)] | None = Field(
        None,
        title="File",
        description="Of SQLite, below the folder QUARTERDECK_SQLITE_QUEUES_DIR.",
        examples=["jobs.sqlite3"],
    )
    query: Annotated[Text, Field(min_length=1, max_length=4_000)] = Field(
        title="Query",
        description="Gives the size and, if it can, the age of the oldest in seconds.",
        examples=["SELECT count(*), extract(epoch FROM now() - min(created_at)) FROM jobs WHERE done_at IS NULL"],
        json_schema_extra={"multiline": True},
    )

    @field_validator("path")
    @classmethod
    def _may_be_read(cls, path: str | None, info: ValidationInfo) -> str | None:
        return path if path is None or is_stored(info) else check_path(path)

    @field_validator("query")
    @classmethod
    def _reads(cls, query: str, info: ValidationInfo) -> str:
        engine = info.data.get("engine")
        return query if engine is None or is_stored(info) else check_reading_query(query, engine)

    @model_validator(mode="after")
    def _names_its_database(self) -> Self:
        if self.engine == "postgresql" and (self.host is None or self.path is not None):
            raise wrong_field("host" if self.host is None else "path", "postgresql takes a host, and no path")
        if self.engine == "sqlite" and (self.path is None or self.host is not None):
            raise wrong_field("path" if self.path is None else "host", "sqlite takes a path, and no host")
        return self

    @property
    def protection(self) -> int:
        return SSL_MODES.index(self.tls)

    @property
    def server(self) -> PostgresServer:
        password = self.password.get_secret_value() if self.password is not None else ""
        return PostgresServer(self.host or "", self.port, self.database, self.user, password, self.tls)


class SqlSource:
    name: ClassVar[str] = "sql"
    Config: ClassVar[type[KindConfig]] = SqlConfig

    def targets(self, config: SqlConfig) -> list[Endpoint]:
        return [Endpoint(config.host, config.port)] if config.host is not None else []

    async def read(self, config: SqlConfig, context: ProbeContext) -> Reading:
        async with attempt(context) as running:
            if config.path is not None:
                running.phase, running.doing = "receive", "waiting for the query"
                row = await fetch_first_row(config.path, config.query, columns=2, seconds=running.left_seconds)
            else:
                row = await _ask_server(config, running)
            return _reading(row)
        raise AssertionError("an attempt swallows nothing")


async def _ask_server(config: SqlConfig, running: Attempt) -> list[object]:
    try:
        address = str((await running.first_allowed(config.server.host, config.port))[4][0])
        async with read_only(config.server, address, running) as connection:
            return list(await connection.fetch_texts(config.query, columns=2, limit=_NUMBER_BYTES))
    except psycopg.Error as error:
        raise ProbeFailed(running.phase, describe_database_error(error)) from None


def _reading(row: list[object]) -> Reading:
    """An age of NULL is that of an empty queue. Raises ``ProbeFailed``."""
    if not row:
        raise ProbeFailed("receive", "the query gives no row")
    size = _number(row[0])
    if size is None or size < 0:
        raise ProbeFailed("receive", "the size that the query gives is not a number from 0 up")
    age = row[1] if len(row) > 1 else None
    seconds = _number(age)
    if age is not None and seconds is None:
        raise ProbeFailed("receive", "the age that the query gives is not a number of seconds")
    return Reading(round(size), None if seconds is None else max(0.0, seconds))  # below zero where clocks differ


def _number(value: object) -> float | None:
    try:
        number = float(value) if isinstance(value, (str, int, float)) else math.nan
    except (ValueError, OverflowError):
        return None
    return number if -_SIZE_MAX <= number <= _SIZE_MAX else None

"""The ``postgres`` kind against a PostgreSQL."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from pydantic import ValidationError

from ops.health.checks.postgres import PostgresConfig, PostgresKind
from ops.probing.probe import Observation
from tests.ops.health import probing
from tests.services import run_postgres

POSTGRES = PostgresKind()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="qd-", dir="/tmp"))  # short, and open to the user that it runs as
    try:
        with run_postgres(folder) as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def options(url: str) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": urlsplit(url).port, "user": "quarterdeck"}


def probe(options: dict[str, Any], **more: Any) -> Observation:
    return probing.probe(POSTGRES, **options, **more)


def failure(options: dict[str, Any], **more: Any) -> str:
    return probing.failure(POSTGRES, **{**options, **more}).message


def test_a_server_that_answers_is_seen_with_its_role(options: dict[str, Any]) -> None:
    seen = probe(options, password="any", role="primary")

    assert seen.values == {"CONNECTED": True, "IP": "127.0.0.1", "VALUE": "1", "ROLE": "primary"}
    assert set(seen.phases) == {"resolve", "connect", "receive"}


def test_looking_writes_nothing_to_stderr(options: dict[str, Any], capfd: pytest.CaptureFixture[str]) -> None:
    probe(options)

    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT 6 * 7", "42"),
        ("VALUES ('a%'), ('b')", "a%"),
        ("WITH t AS (SELECT true AS ok) SELECT ok FROM t", "t"),
    ],
)
def test_the_first_column_of_the_first_row_is_the_value(options: dict[str, Any], query: str, expected: str) -> None:
    assert probe(options, query=query, expected=expected).values["VALUE"] == expected


def test_another_value_fails_with_the_one_that_came(options: dict[str, Any]) -> None:
    assert failure(options, query="SELECT 41", expected="42") == "the value is '41', not '42'"
    assert failure(options, query="SELECT 1 WHERE false", expected="42") == "the value is absent, not '42'"


@pytest.mark.parametrize(
    "query",
    [
        "CREATE TABLE t (x int)",
        "SELECT 1; CREATE TABLE t (x int)",
        "WITH t AS (INSERT INTO kept VALUES (1) RETURNING 1) SELECT 1 FROM t",
        "SELECT nextval('counter')",
    ],
)
def test_nothing_can_be_written(options: dict[str, Any], url: str, query: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (x int)")
        connection.execute("CREATE SEQUENCE IF NOT EXISTS counter")
        failure(options, query=query)

        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
        assert connection.execute("SELECT to_regclass('t')").fetchone() == (None,)


def test_a_query_that_takes_long_ends_in_time_on_the_server_too(options: dict[str, Any], url: str) -> None:
    message = failure(options, query="SELECT pg_sleep(60)", timeout=1)

    assert message in {
        "canceling statement due to statement timeout",
        "timed out after 1 s while waiting for the answer",
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"database": "gone"}, 'database "gone" does not exist'),
        ({"user": "stranger"}, 'role "stranger" does not exist'),
        ({"role": "replica"}, "is a primary, not a replica"),
        ({"query": "SELEC 1"}, 'syntax error at or near "SELEC"'),
        ({"tls": "require"}, "server does not support SSL, but SSL was required"),
    ],
)
def test_what_is_wrong_is_said_in_the_words_of_the_server(
    options: dict[str, Any], change: dict[str, Any], message: str
) -> None:
    assert failure(options, **change) == message


def test_fields_are_bounded() -> None:
    with pytest.raises(ValidationError):
        PostgresConfig.model_validate({"host": "h", "query": ""})

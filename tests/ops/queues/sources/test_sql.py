"""The ``sql`` source against a PostgreSQL and SQLite files."""

import shutil
import socket
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from pydantic import ValidationError

from core.config import get_config
from ops.queues.sources import sqlite_file
from ops.queues.sources.sql import SqlSource
from tests.ops.health.peers import run_peer
from tests.ops.queues.sources import asking
from tests.services import run_postgres

SOURCE = SqlSource()
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="qd-", dir="/tmp"))  # short, and open to the user that it runs as
    try:
        with run_postgres(folder) as running:
            with psycopg.connect(running) as connection:
                connection.execute("CREATE TABLE jobs AS SELECT now() - interval '100 s' AS at, 1 AS id")
                connection.execute("CREATE SEQUENCE numbers")
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class TestPostgres:
    @pytest.fixture
    def options(self, url: str) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": urlsplit(url).port, "user": "quarterdeck", "timeout": 20}

    def test_size_and_age_are_read(self, options: dict[str, Any]) -> None:
        seen = asking.read(SOURCE, query="SELECT count(*), extract(epoch FROM now() - min(at)) FROM jobs", **options)

        assert seen.size == 1
        assert 100 <= (seen.oldest_age_seconds or 0) < 200

    @pytest.mark.parametrize(
        ("query", "size", "age"),
        [
            ("SELECT 5", 5, None),
            ("SELECT 5, NULL", 5, None),
            ("SELECT 2.0, -0.1, 'x'", 2, 0.0),
            ("VALUES ('7')", 7, None),
        ],
    )
    def test_a_query_may_give_less(self, options: dict[str, Any], query: str, size: int, age: float | None) -> None:
        seen = asking.read(SOURCE, query=query, **options)

        assert (seen.size, seen.oldest_age_seconds) == (size, age)

    @pytest.mark.parametrize(
        ("query", "message"),
        [
            ("SELECT 1 WHERE false", "the query gives no row"),
            ("SELECT NULL", "the size that the query gives is not a number from 0 up"),
            ("SELECT -1", "the size that the query gives is not a number from 0 up"),
            ("SELECT 'NaN'::float", "the size that the query gives is not a number from 0 up"),
            ("SELECT 1, now()", "the age that the query gives is not a number of seconds"),
            ("SELECT 1 FROM nowhere", 'relation "nowhere" does not exist'),
            ("SELECT 1; DELETE FROM jobs", "cannot insert multiple commands into a prepared statement"),
            ("DELETE FROM jobs", 'syntax error at or near "DELETE"'),
            ("SELECT nextval('numbers')", "cannot execute nextval() in a read-only transaction"),
        ],
    )
    def test_other_answers_and_queries_fail(self, options: dict[str, Any], query: str, message: str) -> None:
        assert asking.failure(SOURCE, query=query, **options).message == message

    def test_a_slow_query_is_given_up(self, options: dict[str, Any]) -> None:
        failed = asking.failure(SOURCE, query="SELECT 1 FROM pg_sleep(60)", **options | {"timeout": 1})

        assert "timed out after 1 s" in failed.message or "statement timeout" in failed.message

    def test_a_silent_server_is_given_up(self) -> None:
        def listen(connection: socket.socket) -> None:
            while connection.recv(1_000):
                pass

        with run_peer(listen) as port:
            failed = asking.failure(SOURCE, host="127.0.0.1", port=port, query="SELECT 1", timeout=1)

        assert failed.message == "timed out after 1 s while connecting and signing in"


class TestSqlite:
    @pytest.fixture
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """The folder that is opened, with a file in it and another one beside it."""
        opened = tmp_path / "open?#"
        opened.mkdir()
        for path in (opened / "jobs.db", tmp_path / "beside.db"):
            with sqlite3.connect(path) as connection:
                connection.execute("CREATE TABLE jobs (at INTEGER)")
                connection.execute("INSERT INTO jobs VALUES (unixepoch() - 100)")
            connection.close()
        config = get_config().model_copy(update={"sqlite_queues_dir": opened})
        monkeypatch.setattr(sqlite_file, "get_config", lambda: config)
        return opened

    def failure(self, **fields: Any) -> str:
        return asking.failure(SOURCE, **{"engine": "sqlite", "path": "jobs.db", "query": "SELECT 1", **fields}).message

    @pytest.mark.parametrize("absolute", [True, False])
    def test_size_and_age_are_read(self, folder: Path, absolute: bool) -> None:
        path = str(folder / "jobs.db") if absolute else "jobs.db"
        query = "SELECT count(*), unixepoch() - min(at) FROM jobs"
        seen = asking.read(SOURCE, engine="sqlite", path=path, query=query)

        assert seen.size == 1
        assert 100 <= (seen.oldest_age_seconds or 0) < 200

    def test_no_file_may_be_read_unless_a_folder_is_opened(self) -> None:
        assert "QUARTERDECK_SQLITE_QUEUES_DIR" in self.failure()

    def test_a_path_elsewhere_is_refused_before_it_is_stored(self, folder: Path) -> None:
        assert sqlite_file.check_path("jobs.db") == "jobs.db"
        assert sqlite_file.check_path("new/../later.db") == "new/../later.db"
        assert sqlite_file.check_path(f"{folder}/jobs.db") == f"{folder}/jobs.db"
        for path in ("../beside.db", f"{folder}/../beside.db", "/etc/passwd", f"{folder}2/jobs.db"):
            with pytest.raises(ValueError, match="not below QUARTERDECK_SQLITE_QUEUES_DIR"):
                sqlite_file.check_path(path)

    def test_a_file_elsewhere_is_refused(self, folder: Path) -> None:
        (folder / "link.db").symlink_to(folder.parent / "beside.db")
        for path in ("../beside.db", str(folder.parent / "beside.db"), "link.db", "/etc/passwd", "."):
            assert self.failure(path=path) in {
                "the file is not below QUARTERDECK_SQLITE_QUEUES_DIR",
                "there is no such file",
            }, path

    def test_a_file_that_is_not_there_is_not_created(self, folder: Path) -> None:
        assert self.failure(path="new.db") == "there is no such file"
        assert not (folder / "new.db").exists()

    def test_another_file_fails(self, folder: Path) -> None:
        (folder / "jobs.db").write_text("no database at all\n" * 100)

        assert self.failure(query="SELECT * FROM jobs") == "file is not a database"

    @pytest.mark.parametrize(
        "query",
        ["DELETE FROM jobs", "ATTACH '../beside.db' AS other", "PRAGMA journal_mode = DELETE", "VACUUM INTO '/tmp/x'",
         "CREATE TEMP TABLE t (a)", "SELECT load_extension('x')"],
    )  # fmt: skip
    def test_only_reading_is_allowed(self, folder: Path, query: str) -> None:
        assert self.failure(query=query) == "only reading is allowed"

    def test_one_statement_is_run(self, folder: Path) -> None:
        assert self.failure(query="SELECT 1; SELECT 2") == "You can only execute one statement at a time."

    def test_an_endless_query_ends_and_frees_its_thread(self, folder: Path) -> None:
        assert "timed out after 500 ms" in self.failure(query=ENDLESS, timeout=0.5)
        done = threading.Event()
        sqlite_file._queries.submit(done.set)
        assert done.wait(20)

    def test_a_huge_value_is_refused(self, folder: Path) -> None:
        assert self.failure(query="SELECT length(zeroblob(900000000))") == "string or blob too big"


@pytest.mark.parametrize(
    "fields",
    [{}, {"engine": "sqlite"}, {"engine": "sqlite", "host": "h", "path": "p"}, {"host": "h", "path": "p"},
     {"engine": "mysql", "host": "h"}],
)  # fmt: skip
def test_fields_of_the_other_engine_are_refused(fields: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        SOURCE.Config.model_validate({"query": "SELECT 1", **fields})

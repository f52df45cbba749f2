"""A query to a SQLite file, read-only: only of files below the folder that the operator opened for it."""

import asyncio
import os
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

from core.config import get_config
from ops.probing.probe import ProbeFailed

_THREADS = 16
_STEPS = 10_000  # of the virtual machine between two looks at the clock
_TEXT_BYTES = 1_000_000
_READING = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
)  # fmt: skip
_FORBIDDEN_FUNCTIONS = frozenset({"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"})

_queries = ThreadPoolExecutor(_THREADS, thread_name_prefix="sqlite")
"""Bounded: on a file system that hangs no more threads than these do."""


_NO_FOLDER = "no SQLite file may be read; QUARTERDECK_SQLITE_QUEUES_DIR would have to allow it"
_ELSEWHERE = "the file is not below QUARTERDECK_SQLITE_QUEUES_DIR"


def check_path(path: str) -> str:
    """The path, judged as it is written, without looking at a file that may hang. Raises ``ValueError``."""
    folder = get_config().sqlite_queues_dir
    if folder is None:
        raise ValueError(_NO_FOLDER)
    folder = folder.absolute()
    written = Path(os.path.normpath(folder / path))
    if not any(written.is_relative_to(allowed) for allowed in (folder, folder.resolve())):
        raise ValueError(_ELSEWHERE)
    return path


def find_file(path: str) -> Path:
    """The file that a path leads to, all links followed. Raises ``ProbeFailed`` for one that may not be read."""
    folder = get_config().sqlite_queues_dir
    if folder is None:
        raise ProbeFailed("refused", _NO_FOLDER)
    try:
        allowed = folder.resolve(strict=True)
        found = (allowed / path).resolve(strict=True)
    except (OSError, ValueError, RuntimeError):
        raise ProbeFailed("connect", "there is no such file") from None
    if not found.is_relative_to(allowed):
        raise ProbeFailed("refused", _ELSEWHERE)
    if not found.is_file():
        raise ProbeFailed("connect", "there is no such file")
    return found


async def fetch_first_row(path: str, query: str, *, columns: int, seconds: float) -> list[object]:
    """The first columns of the first row. Raises ``ProbeFailed``; ends by itself in that time."""
    ends_at = time.monotonic() + seconds
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_queries, _fetch, path, query, columns, ends_at)


def _fetch(path: str, query: str, columns: int, ends_at: float) -> list[object]:
    file = find_file(path)
    left = max(0.0, ends_at - time.monotonic())
    try:
        connection = sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True, timeout=left, isolation_level=None)
        try:
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _TEXT_BYTES)
            connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
            connection.set_authorizer(_authorize)
            connection.set_progress_handler(lambda: int(time.monotonic() > ends_at), _STEPS)
            row = connection.execute(query).fetchone()
        finally:
            connection.close()
    except (sqlite3.Error, sqlite3.Warning) as error:
        if time.monotonic() > ends_at:
            raise ProbeFailed("timeout", "the query took too long") from None
        raise ProbeFailed("receive", _describe(error)) from None
    return list(row[:columns]) if row is not None else []


def _authorize(action: int, _first: str | None, second: str | None, *_rest: str | None) -> int:
    """Reading alone; not even a PRAGMA."""
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in _FORBIDDEN_FUNCTIONS:
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK if action in _READING else sqlite3.SQLITE_DENY


def _describe(error: Exception) -> str:
    words = str(error)
    if "not authorized" in words or words == "authorization denied":
        return "only reading is allowed"
    return words.splitlines()[0][:200] if words else "the query failed"

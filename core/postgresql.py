"""A PostgreSQL connection that gives up by itself.

The server enforces ``statement_timeout``, but a server that is stopped, swapped out or behind a dead link enforces
nothing, and libpq would wait for it for ever. Every wait for an answer therefore ends on the client's side as well.
Those who wait for their turn meanwhile cannot wait as long again: for a moment they are told at once.
"""

import time
from typing import Any

from django.db.backends.postgresql.base import DatabaseWrapper
from psycopg import Connection, OperationalError, errors
from psycopg.abc import RV, PQGen

STATEMENT_TIMEOUT_MS = 4_000
"""No statement outlives a page's 5 s, whatever the database does."""

ANSWER_TIMEOUT_SECONDS = STATEMENT_TIMEOUT_MS / 1000 + 0.3
"""A little longer, so that a server that is well reports its own timeout."""


SILENCE_SECONDS = 1.0
"""For how long after a wait in vain nobody else need try."""

_silent_until = float("-inf")


def note_silence() -> None:
    """The database did not answer in time."""
    global _silent_until  # noqa: PLW0603 - one number, written and read whole
    _silent_until = time.monotonic() + SILENCE_SECONDS


def is_silent() -> bool:
    """Whether the database was waited for in vain just now."""
    return time.monotonic() < _silent_until


_inherited: list[object] = []


def forget_inherited_pools() -> None:
    """Belongs behind a fork. The pools of the parent have threads that are not here, and sockets that are not ours.

    They are kept, unused, because to collect one would say goodbye to the server in the parent's name.
    """
    pools: dict[str, object] = vars(DatabaseWrapper)["_connection_pools"]  # Django has no way to leave one alone
    _inherited.extend(pools.values())
    pools.clear()


class BoundedConnection(Connection[Any]):
    """Raises ``OperationalError``, and is closed, when the server does not answer in time."""

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, ANSWER_TIMEOUT_SECONDS)
        except errors._WaitTimeout:  # noqa: SLF001 - the class is documented in the signature of wait
            self.pgconn.finish()
            note_silence()
            raise OperationalError(f"no answer within {ANSWER_TIMEOUT_SECONDS:g} s") from None

"""A PostgreSQL connection that gives up by itself.

The server enforces ``statement_timeout``, but a server that is stopped, swapped out or behind a dead link enforces
nothing, and libpq would wait for it for ever. Every wait for an answer therefore ends on the client's side as well.
"""

from typing import Any

from psycopg import Connection, OperationalError, errors
from psycopg.abc import RV, PQGen

STATEMENT_TIMEOUT_MS = 4_000
"""No statement outlives a page's 5 s, whatever the database does."""

ANSWER_TIMEOUT_SECONDS = STATEMENT_TIMEOUT_MS / 1000 + 0.3
"""A little longer, so that a server that is well reports its own timeout."""


class BoundedConnection(Connection[Any]):
    """Raises ``OperationalError``, and is closed, when the server does not answer in time."""

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, ANSWER_TIMEOUT_SECONDS)
        except errors._WaitTimeout:  # noqa: SLF001 - the class is documented in the signature of wait
            self.pgconn.finish()
            raise OperationalError(f"no answer within {ANSWER_TIMEOUT_SECONDS:g} s") from None

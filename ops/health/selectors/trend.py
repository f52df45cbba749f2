"""How the last day went for all checks together."""

from django.db import connection

from core.clock import now_ms
from ops.signals.domain import Status

HOURS = 24
_HOUR_MS = 3_600_000
_LOOKED_THROUGH = 20_000
"""Of all changes of status the last so many count: the table has one index, by check, and is kept for good."""

_SQL = """
SELECT (at_ms - %(first)s) / %(hour)s, count(*)
FROM (SELECT at_ms, status FROM ops_statuschange ORDER BY id DESC LIMIT %(limit)s) AS latest
WHERE at_ms >= %(first)s AND status >= %(trouble)s GROUP BY 1"""


def turned_bad_hourly() -> tuple[int, ...]:
    """How many times a check turned degraded or unhealthy in each clock hour of the last day, the running one last."""
    now = now_ms()
    first = now - now % _HOUR_MS - (HOURS - 1) * _HOUR_MS
    with connection.cursor() as cursor:
        cursor.execute(
            _SQL, {"first": first, "hour": _HOUR_MS, "limit": _LOOKED_THROUGH, "trouble": int(Status.DEGRADED)}
        )
        counts = {int(hour): int(count) for hour, count in cursor.fetchall()}
    return tuple(counts.get(hour, 0) for hour in range(HOURS))

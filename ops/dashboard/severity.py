"""What sorts first in lists of entities: the worst, then the most critical, then what lasts longest."""

import datetime as dt

from ops.dashboard.rows import Row

SEVERITY = {"unhealthy": 6, "degraded": 5, "impacted": 4, "unknown": 3, "maintenance": 2, "paused": 1, "healthy": 0}
"""Every word of the vocabulary; the loudest has the highest number."""

_NEVER = dt.datetime.min.replace(tzinfo=dt.UTC)


def sort_key(row: Row) -> tuple[int, int, dt.datetime, str]:
    standing = row.standing
    return -SEVERITY[standing.status], row.tier, standing.since or _NEVER, row.name

"""The read model of the slice: check rows and results, and what changed since."""

from ops.health.selectors.changes import newest_result_ms, oldest_overdue_ms
from ops.health.selectors.checks import CheckRow, check_row, check_rows, status_counts
from ops.health.selectors.details import CheckDetail, check_detail, check_details
from ops.health.selectors.pings import PingView, find_ping_key, ping_paths, recent_pings
from ops.health.selectors.results import OutcomeRow, ResultRow, recent_outcomes, recent_results, results_page

__all__ = [
    "CheckDetail",
    "CheckRow",
    "OutcomeRow",
    "PingView",
    "ResultRow",
    "check_detail",
    "check_details",
    "check_row",
    "check_rows",
    "find_ping_key",
    "newest_result_ms",
    "oldest_overdue_ms",
    "ping_paths",
    "recent_outcomes",
    "recent_pings",
    "recent_results",
    "results_page",
    "status_counts",
]

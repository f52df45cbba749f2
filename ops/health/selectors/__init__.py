"""The read model of the slice: check rows and results, statuses of entities, and what changed since."""

from ops.health.selectors.changes import change_stamp, has_changed, newest_result_ms, oldest_overdue_ms
from ops.health.selectors.checks import CheckRow, check_row, check_rows, status_counts
from ops.health.selectors.details import CheckDetail, check_detail, check_details
from ops.health.selectors.pings import PingView, find_ping_key, ping_paths, recent_pings
from ops.health.selectors.results import OutcomeRow, ResultRow, recent_outcomes, recent_results, results_page
from ops.health.selectors.statuses import Verdict, entity_statuses, status_reasons, verdict

__all__ = [
    "CheckDetail",
    "CheckRow",
    "OutcomeRow",
    "PingView",
    "ResultRow",
    "Verdict",
    "change_stamp",
    "check_detail",
    "check_details",
    "check_row",
    "check_rows",
    "entity_statuses",
    "find_ping_key",
    "has_changed",
    "newest_result_ms",
    "oldest_overdue_ms",
    "ping_paths",
    "recent_outcomes",
    "recent_pings",
    "recent_results",
    "results_page",
    "status_counts",
    "status_reasons",
    "verdict",
]

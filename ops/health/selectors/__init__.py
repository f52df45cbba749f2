"""The read model of the slice: check rows and results, statuses of entities, and what changed since."""

from ops.health.selectors.changes import change_stamp, has_changed, newest_result_ms
from ops.health.selectors.checks import CheckRow, check_row, check_rows
from ops.health.selectors.details import CheckDetail, check_detail, check_details
from ops.health.selectors.results import OutcomeRow, ResultRow, recent_outcomes, recent_results, results_page
from ops.health.selectors.statuses import Verdict, entity_statuses, verdict

__all__ = [
    "CheckDetail",
    "CheckRow",
    "OutcomeRow",
    "ResultRow",
    "Verdict",
    "change_stamp",
    "check_detail",
    "check_details",
    "check_row",
    "check_rows",
    "entity_statuses",
    "has_changed",
    "newest_result_ms",
    "recent_outcomes",
    "recent_results",
    "results_page",
    "verdict",
]

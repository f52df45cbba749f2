"""The read model of the slice: groups, their events and trend, DSNs, and what errors say of entities."""

from ops.errors.selectors.events import EventRow, event_row, event_rows, newest_event_id
from ops.errors.selectors.groups import (
    MAX_LIMIT,
    GroupNames,
    GroupRow,
    Sort,
    group_names,
    group_row,
    group_rows,
    last_seen_ms,
    state_counts,
)
from ops.errors.selectors.keys import KeyRow, key_rows
from ops.errors.selectors.signals import ErrorSignals
from ops.errors.selectors.totals import TREND_HOURS, ErrorTotals, error_totals, troubled_group_count

__all__ = [
    "MAX_LIMIT",
    "TREND_HOURS",
    "ErrorSignals",
    "ErrorTotals",
    "EventRow",
    "GroupNames",
    "GroupRow",
    "KeyRow",
    "Sort",
    "error_totals",
    "event_row",
    "event_rows",
    "group_names",
    "group_row",
    "group_rows",
    "key_rows",
    "last_seen_ms",
    "newest_event_id",
    "state_counts",
    "troubled_group_count",
]

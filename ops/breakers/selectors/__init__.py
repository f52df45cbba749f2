"""Reads of breakers, as frozen rows."""

from ops.breakers.selectors.breakers import (
    DEFAULT_SORT,
    BreakerTotals,
    breaker_row,
    breaker_rows,
    breaker_totals,
    entity_breaker_rows,
    state_counts,
    transitions,
)
from ops.breakers.selectors.rows import BreakerRow, InstanceRow, TransitionRow
from ops.breakers.selectors.sources import SourceRow, source_row, source_rows

__all__ = [
    "DEFAULT_SORT",
    "BreakerRow",
    "BreakerTotals",
    "InstanceRow",
    "SourceRow",
    "TransitionRow",
    "breaker_row",
    "breaker_rows",
    "breaker_totals",
    "entity_breaker_rows",
    "source_row",
    "source_rows",
    "state_counts",
    "transitions",
]

"""The last results that were not healthy, with everything that was kept of them."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from core.clock import from_ms
from ops.health.selectors import CheckRow
from ops.health.selectors.history import recent_failures

SHOWN = 10
OF_EACH = 3


@dataclass(frozen=True, slots=True)
class Failure:
    """``key`` keeps its element, opened or not, through a morph."""

    key: str
    check: str
    outcome: str
    at: dt.datetime
    duration_ms: float
    phase: str
    message: str
    excerpt: str
    trace_id: str


def list_failures(checks: Sequence[CheckRow], *, limit: int = SHOWN) -> list[Failure]:
    """Newest first, of all these checks together, the last ``OF_EACH`` of each before more of one."""
    names = {check.id: check.name for check in checks}
    return [
        Failure(
            key=f"f-{row.check_id}-{row.slot_ms}",
            check=names[row.check_id],
            outcome=row.outcome.word,
            at=from_ms(row.slot_ms),
            duration_ms=row.duration_us / 1_000,
            phase=row.phase,
            message=row.message,
            excerpt=row.excerpt,
            trace_id=row.trace_id,
        )
        for row in recent_failures(list(names), limit=limit, each=OF_EACH)
    ]

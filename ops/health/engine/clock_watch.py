"""A clock that is set back must not leave checks due in a future that was, nor statuses fresh until then.

The clock that decides what is due is noted every second or so. When it reads less than what was noted, what was planned
by the old clock is moved by the difference. A clock that is set ahead needs nothing: slots that it passed are counted.
"""

import structlog
from django.db.models import BigIntegerField, Case, F, Q, Value, When

from core.clock import database_now_ms
from core.models import Pulse
from core.revision import changing, mark_changed
from ops.health.models import CheckState
from ops.scheduling.claim import AHEAD_MS, LEASE_MARGIN_MS

log = structlog.get_logger(__name__)

ROLE = "clock"
TOLERANCE_MS = 2_000
"""Less than this, a clock may be corrected without anybody noticing: schedules are late by as much."""
MOST_AHEAD_MS = 60_000
"""A check that never ran is due within its interval, or this long after it was set going."""


@changing()
def watch_clock() -> None:
    """Note the clock, and follow it when it was set back."""
    noted = Pulse.objects.select_for_update(no_key=True).filter(role=ROLE, instance="").first()
    now = database_now_ms()
    if noted is None:
        Pulse.objects.get_or_create(role=ROLE, instance="", defaults={"seen_ms": now})
        return
    if (back_ms := noted.seen_ms - now) > TOLERANCE_MS:
        log.warning("health.clock_set_back", seconds=round(back_ms / 1_000), checks=follow_clock(back_ms, now))
    Pulse.objects.filter(pk=noted.pk).update(seen_ms=now)


def follow_clock(back_ms: int, now: int) -> int:
    """Move what was planned before the clock was set back by so much to ``now``; how many checks it were.

    What is under way is let go: its result would plan by the old clock.
    """
    longest_lease = F("timeout_ms") + Value(now + AHEAD_MS + LEASE_MARGIN_MS, output_field=BigIntegerField())
    latest_start = F("interval_ms") + Value(now + MOST_AHEAD_MS, output_field=BigIntegerField())
    of_old = (
        Q(last_at_ms__gt=now)
        | Q(lease_until_ms__gt=longest_lease)
        | Q(last_at_ms=None, next_due_ms__gt=latest_start)
        | Q(since_ms__gt=now)
    )
    ids = list(
        CheckState.objects.select_for_update(no_key=True).filter(of_old).order_by("pk").values_list("pk", flat=True)
    )
    if not ids:
        return 0
    CheckState.objects.filter(of_old).update(
        next_due_ms=F("next_due_ms") - back_ms,
        fresh_until_ms=F("fresh_until_ms") - back_ms,
        last_at_ms=_not_after(now, "last_at_ms"),
        since_ms=_not_after(now, "since_ms"),
        slot_ms=None,
        lease_until_ms=0,
        fence=F("fence") + 1,
    )
    mark_changed()
    return len(ids)


def _not_after(now: int, column: str) -> Case:
    return Case(When(**{f"{column}__gt": now}, then=now), default=F(column), output_field=BigIntegerField())

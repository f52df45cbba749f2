"""Check-ins of Sentry's SDKs as pings: ``monitor_slug`` is the name of a heartbeat of the DSN's entity.

Source: develop.sentry.dev/sdk/telemetry/check-ins. A check-in is ``in_progress``, ``ok`` or ``error``; what a newer SDK
adds is let go, as is a monitor that nobody made a check for.
"""

import math
import uuid
from collections.abc import Mapping
from typing import Any

import structlog

from core.errors import NotFound
from ops.health.models import Heartbeat
from ops.health.ping_store import PingAddress
from ops.health.pings import Ping, Signal, record_ping

log = structlog.get_logger(__name__)

_SIGNALS = {"in_progress": Signal.START, "ok": Signal.SUCCESS, "error": Signal.FAIL}
_LONGEST_RUN_SECONDS = 400 * 86_400
_NO_RUN = uuid.UUID(int=0)
"""What an SDK sends when the check-in stands alone."""


def take_check_in(entity_id: int, payload: Mapping[str, Any]) -> None:
    slug, signal = payload.get("monitor_slug"), _SIGNALS.get(str(payload.get("status")))
    if not isinstance(slug, str) or "\0" in slug or signal is None:
        return
    beat = Heartbeat.objects.filter(definition__entity_id=entity_id, definition__name=slug[:200]).first()
    if beat is None:
        log.info("heartbeat.check_in_unknown", entity_id=entity_id, monitor=slug[:64])
        return
    ping = Ping(
        signal,
        rid=_read_run(payload.get("check_in_id")),
        duration_ms=_read_duration(payload.get("duration")) if signal is not Signal.START else None,
        user_agent="Sentry check-in",
    )
    try:
        record_ping(address=PingAddress(beat.ping_id), ping=ping)
    except NotFound:  # deleted meanwhile
        log.info("heartbeat.check_in_unknown", entity_id=entity_id, monitor=slug[:64])


def _read_run(value: Any) -> uuid.UUID | None:
    try:
        run = uuid.UUID(str(value))
    except ValueError:
        return None
    return None if run == _NO_RUN else run


def _read_duration(value: Any) -> int | None:
    """Seconds in the payload."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        return None
    return round(min(max(value, 0), _LONGEST_RUN_SECONDS) * 1_000)

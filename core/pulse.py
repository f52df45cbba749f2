"""Signs of life of the scheduler and the workers, so that a dead one is seen by whoever reads."""

import socket

from core.clock import database_now_ms
from core.models import Pulse

STALE_AFTER_MS = 15_000
"""A role that gave no sign of life for this long counts as stopped."""


def record_pulse(role: str, *, instance: str | None = None) -> None:
    Pulse.objects.update_or_create(
        role=role, instance=instance or socket.gethostname(), defaults={"seen_ms": database_now_ms()}
    )


def pulse_age_ms(role: str) -> int | None:
    """Milliseconds since any instance of the role was seen; None when none ever was."""
    seen = Pulse.objects.filter(role=role).order_by("-seen_ms").values_list("seen_ms", flat=True).first()
    return None if seen is None else max(0, database_now_ms() - seen)

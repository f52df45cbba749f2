"""Signs of life of the scheduler, the workers and the broker, and signs of trouble, seen by whoever reads.

A sign is a row with the moment when it was last given. Trouble is told by two of them: when it was last seen, and when
it began.
"""

import socket
from dataclasses import dataclass
from typing import Literal

from django.db import connection

from core.clock import database_now_ms
from core.models import Pulse

STALE_AFTER_MS = 15_000
"""A role that gave no sign of life for this long counts as stopped, and trouble not seen for this long as over."""

type Trouble = Literal["network", "database"]


def record_pulse(role: str, *, instance: str | None = None) -> None:
    Pulse.objects.update_or_create(
        role=role, instance=instance or socket.gethostname(), defaults={"seen_ms": database_now_ms()}
    )


def pulse_age_ms(role: str) -> int | None:
    """Milliseconds since any instance of the role was seen; None when none ever was."""
    seen = Pulse.objects.filter(role=role).order_by("-seen_ms").values_list("seen_ms", flat=True).first()
    return None if seen is None else age_ms(seen, now_ms=database_now_ms())


def age_ms(seen_ms: int, *, now_ms: int) -> int:
    """How old a sign is. One that lies ahead, because the clock was set back, is at least as old as it lies ahead."""
    return abs(now_ms - seen_ms)


def record_trouble(trouble: Trouble) -> None:
    """Note that it is there now."""
    now, instance = database_now_ms(), socket.gethostname()
    last = Pulse.objects.filter(role=f"no-{trouble}", instance=instance).values_list("seen_ms", flat=True).first()
    if last is None or age_ms(last, now_ms=now) > STALE_AFTER_MS:
        Pulse.objects.update_or_create(role=f"no-{trouble}-from", instance=instance, defaults={"seen_ms": now})
    Pulse.objects.update_or_create(role=f"no-{trouble}", instance=instance, defaults={"seen_ms": now})


def is_troubled(trouble: Trouble) -> bool:
    """Whether this host has noted it and not cleared it since."""
    return Pulse.objects.filter(role=f"no-{trouble}", instance=socket.gethostname()).exists()


def clear_trouble(trouble: Trouble) -> None:
    """Note that this host sees it no more."""
    Pulse.objects.filter(role__in=[f"no-{trouble}", f"no-{trouble}-from"], instance=socket.gethostname()).delete()


@dataclass(frozen=True, slots=True)
class Signs:
    """The newest sign of each role, by the clock ``now_ms``."""

    now_ms: int
    seen_ms: dict[str, int]

    def was_ever_seen(self, role: str) -> bool:
        return role in self.seen_ms

    def is_silent(self, role: str, *, after_ms: int = STALE_AFTER_MS) -> bool:
        return role not in self.seen_ms or age_ms(self.seen_ms[role], now_ms=self.now_ms) > after_ms

    def trouble_since_ms(self, trouble: Trouble) -> int | None:
        """When it began; None when it is over or was never there."""
        if self.is_silent(f"no-{trouble}"):
            return None
        return self.seen_ms.get(f"no-{trouble}-from", self.seen_ms[f"no-{trouble}"])


def read_signs() -> Signs:
    """One query with the clock in it, by hand: every open page asks this every few seconds."""
    clock = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint" if connection.vendor == "postgresql" else "NULL"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT role, MAX(seen_ms), {clock} FROM core_pulse GROUP BY role")  # noqa: S608 - own words
        rows = cursor.fetchall()
    now = rows[0][2] if rows else None
    return Signs(now_ms=database_now_ms() if now is None else now, seen_ms={role: seen for role, seen, _ in rows})

"""What each process of the fleet does when: pure, time is passed in.

A mood that was written into the file of a process (``mood_file``) holds until the file goes, so that a person or a test
need not wait for the script.
"""

import enum
from dataclasses import dataclass
from pathlib import Path


class Mood(enum.StrEnum):
    FINE = "fine"
    SLOW = "slow"
    """Answers late; the breakers of a service try again; a worker gets less done than it is sent."""
    FAILING = "failing"
    """Answers 503; a job reports a failure; a service with breakers fails to reach what these guard."""
    GONE = "gone"
    """Refuses connections; a job forgets to report."""


class Role(enum.StrEnum):
    HTTP = "http"
    HTTPS = "https"
    TCP = "tcp"
    REDIS = "redis"
    JOB = "job"
    SERVICE = "service"
    """Exports circuit breakers and reports errors (``service``)."""
    WORKER = "worker"
    """A Celery app: who sends the tasks and who works on them (``worker``)."""

    @property
    def listens(self) -> bool:
        return self not in {Role.JOB, Role.WORKER}


@dataclass(frozen=True, slots=True)
class Member:
    """``script`` is what it does one after the other, from its start, again and again: mood and seconds."""

    name: str
    role: Role
    script: tuple[tuple[Mood, float], ...] = ((Mood.FINE, 1.0),)

    def mood_at(self, seconds: float) -> Mood:
        """By the seconds since its start."""
        left = seconds % sum(length for _, length in self.script)
        for mood, length in self.script:
            if left < length:
                return mood
            left -= length
        return self.script[-1][0]


FLEET = (
    Member("payments-db", Role.TCP, ((Mood.FINE, 20), (Mood.GONE, 35), (Mood.FINE, 35))),
    Member("payments-api", Role.HTTP),
    Member("checkout", Role.HTTP),
    Member("shop", Role.HTTPS),
    Member("search", Role.HTTP, ((Mood.SLOW, 80), (Mood.FINE, 20))),
    Member("recommendations", Role.HTTP, ((Mood.FINE, 25), (Mood.FAILING, 20))),
    Member("cache", Role.REDIS),
    Member("mailer", Role.HTTP),
    Member("orders", Role.SERVICE, ((Mood.FINE, 25), (Mood.FAILING, 30), (Mood.SLOW, 15))),
    Member("orders-worker", Role.WORKER, ((Mood.FINE, 20), (Mood.SLOW, 50), (Mood.FINE, 10))),
    Member("backup", Role.JOB, ((Mood.FINE, 45), (Mood.GONE, 30))),
)
"""Named as their entities in ``catalogue.yaml``; ``orders-worker`` is a part of ``orders``."""


def mood_file(folder: Path, name: str) -> Path:
    return folder / f"{name}.mood"


def current_mood(member: Member, seconds: float, folder: Path) -> Mood:
    """What was ordered, else what the script says. An order that is no mood is none."""
    try:
        return Mood(mood_file(folder, member.name).read_text().strip())
    except (OSError, ValueError):
        return member.mood_at(seconds)

"""Whether the platform can see at all, told apart from what it sees: the reason why no results come."""

import datetime as dt
from dataclasses import dataclass

from core.clock import from_ms
from core.pulse import Signs, read_signs
from ops.health.selectors import oldest_overdue_ms

OVERDUE_MS = 60_000
"""A check that is due for so long, with nobody at it, says that the checks are not being run."""
BROKER_SILENT_MS = 10_000
"""Less than what makes a worker silent, so that a broker that took its wake-ups away is seen before it."""
_ROLES = ("scheduler", "worker")


@dataclass(frozen=True, slots=True)
class Blindness:
    """Why nothing is being measured. ``code`` is stable, ``cause`` is for people and goes on with "for 3 min" when
    there is a ``since``; ``advice`` says where to look."""

    code: str
    cause: str
    since: dt.datetime | None
    advice: str = ""


def find_blindness() -> Blindness | None:
    """Why results cannot be believed to keep coming; None while they do.

    A database that does not answer at all is not among the reasons: then there is no page (503).
    """
    signs = read_signs()
    if (lost := signs.trouble_since_ms("network")) is not None:
        advice = "What lies beyond this machine cannot be judged: its failures are not counted."
        return Blindness("network", "our own network has been gone", from_ms(lost), advice)
    if never := [role for role in _ROLES if not signs.was_ever_seen(role)]:
        return Blindness(f"never-{'-'.join(never)}", f"{_the(never)} never started", None, _look_into(never))
    return _silence(signs) or _standstill(signs)


def _silence(signs: Signs) -> Blindness | None:
    silent = [role for role in _ROLES if signs.is_silent(role)]
    if not silent:
        return None
    since = from_ms(min(signs.seen_ms[role] for role in silent))
    if (troubled := signs.trouble_since_ms("database")) is not None:
        return _database(troubled)
    if silent == ["worker"] and signs.was_ever_seen("broker") and signs.is_silent("broker", after_ms=BROKER_SILENT_MS):
        advice = "The scheduler runs and cannot wake the worker. Nothing is lost: checks go on when the broker is back."
        return Blindness("broker", "the broker has been gone", from_ms(signs.seen_ms["broker"]), advice)
    have = "has" if len(silent) == 1 else "have"
    return Blindness("-".join(silent), f"{_the(silent)} {have} been silent", since, _look_into(silent))


def _standstill(signs: Signs) -> Blindness | None:
    """Everybody is alive, and the checks are not run all the same."""
    overdue = oldest_overdue_ms(before_ms=signs.now_ms - OVERDUE_MS, now_ms=signs.now_ms)
    if overdue is None:
        return None
    if (troubled := signs.trouble_since_ms("database")) is not None:
        return _database(troubled)
    return Blindness("overdue", "checks have been overdue", from_ms(overdue), _look_into(["worker"]))


def _database(since_ms: int) -> Blindness:
    advice = "Results cannot be stored in time; their checks run again when it is well."
    return Blindness("database", "the database has been too slow", from_ms(since_ms), advice)


def _the(roles: list[str]) -> str:
    return " and ".join(f"the {role}" for role in roles)


def _look_into(roles: list[str]) -> str:
    return f"Look into {' and '.join(f'{role}.log' for role in roles)} in the folder of the logs."

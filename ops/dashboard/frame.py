"""What every page shows around its content: the verdict, how fresh it is, and whether the platform can see at all."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_network
from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from core.clock import now_ms, to_ms
from core.config import get_config
from core.permissions import ANONYMOUS, Permission, Role
from entities.status import EntityStatus
from ops.breakers.selectors.counts import open_count
from ops.dashboard.blindness import Blindness, find_blindness
from ops.dashboard.kept_filters import kept_address
from ops.dashboard.standing import read_fleet
from ops.dashboard.tally import TROUBLE, Tally
from ops.errors.selectors import troubled_group_count
from ops.signals.domain import Signal
from ops.statuses.selectors import verdict

_LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


@dataclass(frozen=True, slots=True)
class Frame(Tally):
    """``now_ms`` is the server's clock, for the ticking times of the page;
    ``errors_in_trouble`` counts groups, ``open_breakers`` those of the fleet."""

    checks_in_trouble: int
    queues_in_trouble: int
    last_result_at: dt.datetime | None
    now_ms: int
    blind: Blindness | None
    errors_in_trouble: int = 0
    open_breakers: int = 0

    @property
    def last_result_ms(self) -> int | None:
        return None if self.last_result_at is None else to_ms(self.last_result_at)

    @property
    def entities_in_trouble(self) -> int:
        return sum(self.counts.get(word, 0) for word in TROUBLE)

    @property
    def verdict(self) -> str:
        """The worst status of all, as the favicon shows it; unknown while the platform is blind."""
        for word in TROUBLE:
            if self.counts.get(word):
                return word
        return "unknown" if self.blind or self.counts.get("unknown") or not self.total else "healthy"

    @property
    def headline(self) -> str:
        """For the title of the window; empty when all is well."""
        trouble = [f"{self.counts[word]:,} {word}" for word in TROUBLE if self.counts.get(word)]
        if trouble:
            return trouble[0]
        if self.blind:
            return "Blind"
        return f"{self.counts['unknown']:,} unknown" if self.counts.get("unknown") else ""


def read_frame(own: Mapping[int, EntityStatus] | None = None, *, blind: Blindness | None = None) -> Frame:
    """Of the whole fleet, or with ``own`` of a part of it."""
    if own is None:
        fleet = read_fleet()
        statuses, counts = fleet.statuses, fleet.counts
    else:
        statuses, counts = own, Counter(status.status for status in own.values())
    summary = verdict(counts)
    in_trouble = Counter(
        reason.signal for status in statuses.values() for reason in status.reasons if reason.status in TROUBLE
    )
    return Frame(
        counts=summary.counts,
        checks_in_trouble=in_trouble[Signal.HEALTH],
        queues_in_trouble=in_trouble[Signal.QUEUE],
        last_result_at=summary.newest_result_at,
        now_ms=now_ms(),
        blind=blind,
        errors_in_trouble=troubled_group_count(),
        open_breakers=open_count(),
    )


@cache
def is_loopback_allowed() -> bool:
    return any(
        network.version == loopback.version and network.overlaps(loopback)
        for network in get_config().probe_allow_cidrs
        for loopback in _LOOPBACK
    )


def frame_context(request: HttpRequest) -> dict[str, Any]:
    """Context processor. The frame is read when a template asks for it; a live view passes its own."""
    principal = getattr(request, "principal", ANONYMOUS)
    if principal is ANONYMOUS:
        return {}
    return {
        "frame": SimpleLazyObject(lambda: read_frame(blind=find_blindness())),
        "kept_query": kept_address("", request.GET),
        "loopback_allowed": is_loopback_allowed(),
        "roles": SimpleLazyObject(lambda: _role_names(request)),
        "may": {
            "edit": principal.may(Permission.CATALOG_EDIT),
            "run": principal.may(Permission.CHECK_RUN),
            "pause": principal.may(Permission.CHECK_PAUSE),
            "manage_errors": principal.may(Permission.ERRORS_MANAGE),
            "manage_breakers": principal.may(Permission.BREAKERS_MANAGE),
            "manage_queues": principal.may(Permission.QUEUES_MANAGE),
            "audit": principal.may(Permission.AUDIT_VIEW),
        },
    }


def _role_names(request: HttpRequest) -> list[str]:
    if getattr(request.user, "is_superuser", False):
        return [Role.ADMIN.value]
    return sorted(name for name in request.user.groups.values_list("name", flat=True) if name in Role)

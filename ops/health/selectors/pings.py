"""The last pings of a heartbeat, and the addresses that it is pinged at."""

import datetime as dt
import uuid
from collections.abc import Collection
from dataclasses import dataclass

import orjson

from core.clock import from_ms
from core.errors import NotFound
from core.permissions import Permission, Principal
from entities.selectors import find_entity
from ops.health.domain import Runs
from ops.health.models import Check, Heartbeat, Ping, PingKey


@dataclass(frozen=True, slots=True)
class PingView:
    """One ping, as it was kept. ``body`` and ``user_agent`` are whatever the sender wrote.

    ``duration_ms`` is that of the run that it ended, None unless the run's start was told.
    """

    number: int
    at: dt.datetime
    signal: str
    exit_status: int | None
    rid: uuid.UUID | None
    duration_ms: int | None
    address: str
    user_agent: str
    body: str


def recent_pings(*, principal: Principal, check_uid: str, limit: int = 100) -> list[PingView]:
    """Newest first; none of a check that is no heartbeat. Raises ``NotFound``."""
    principal.require(Permission.CATALOG_VIEW)
    check_id = None if "\0" in check_uid else Check.objects.filter(uid=check_uid).values_list("id", flat=True).first()
    if check_id is None:
        raise NotFound(f"There is no check {check_uid[:80]!r}")
    return [
        PingView(
            number=ping.number,
            at=from_ms(ping.at_ms),
            signal=ping.signal,
            exit_status=ping.exit_status,
            rid=ping.rid,
            duration_ms=ping.duration_ms,
            address=ping.address,
            user_agent=ping.user_agent,
            body=ping.body,
        )
        for ping in Ping.objects.filter(heartbeat_id=check_id).order_by("-number")[:limit]
    ]


def runs_under_way(check_ids: Collection[int]) -> dict[int, Runs]:
    """Of the heartbeats among the checks. One query, and none without checks."""
    rows = Heartbeat.objects.filter(pk__in=check_ids).exclude(runs="{}").values_list("pk", "runs") if check_ids else ()
    return {pk: orjson.loads(runs) for pk, runs in rows}


def ping_paths(*, principal: Principal, check_uid: str) -> list[str]:
    """The paths that a heartbeat is pinged at; none for those who may not edit, as with a path anybody can report."""
    if not principal.may(Permission.CATALOG_EDIT) or "\0" in check_uid:
        return []
    found = Heartbeat.objects.filter(definition__uid=check_uid)
    beat = found.values_list("ping_id", "definition__entity_id", "definition__name").first()
    if beat is None:
        return []
    ping_id, entity_id, name = beat
    key = PingKey.objects.filter(pk=entity_id).values_list("key", flat=True).first()
    return [f"/ping/{ping_id}", *([f"/ping/{key}/{name}"] if key else [])]


def find_ping_key(*, principal: Principal, entity_ref: str) -> str | None:
    """Raises ``NotFound`` for the entity."""
    principal.require(Permission.CATALOG_EDIT)
    key: str | None = PingKey.objects.filter(pk=find_entity(entity_ref).pk).values_list("key", flat=True).first()
    return key

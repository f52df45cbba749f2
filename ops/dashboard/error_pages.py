"""What the page of an error group shows, and what the page of an entity shows of its errors."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, QueryDict

from core.clock import to_ms
from core.errors import NotFound
from core.permissions import Permission, Principal
from core.templatetags.display import duration_words
from entities.models import Team
from entities.selectors import EntityRow
from ops.dashboard.edits import list_edits
from ops.dashboard.error_listing import badges, error_row
from ops.dashboard.lists import address
from ops.dashboard.rows import join_rows
from ops.dashboard.sparkline import draw_sparkline
from ops.dashboard.stack_trace import read_trace
from ops.errors.schemas import dsn_of
from ops.errors.selectors import EventRow, GroupRow, event_row, group_row, group_rows, key_rows
from ops.errors.services import MUTE_CHOICES
from ops.health.selectors import check_rows
from ops.health.selectors.history import state_intervals

SHOWN_CHECKS = 20
SHOWN_GROUPS = 5
_AROUND_MS = 30 * 60_000
_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class CheckThen:
    """A check's status at the moment of an event; ``query`` shows its page around that moment."""

    name: str
    uid: str
    status: str
    query: str


def read_error(query: QueryDict, path: str, *, principal: Principal, uid: str) -> dict[str, Any]:
    """The context of a group's page. Raises ``NotFound``; an event that is not kept any more counts as not said."""
    group = group_row(principal=principal, uid=uid)
    event = _find_event(query, principal=principal, group=group)
    data: Mapping[str, Any] = event.data if event else {}
    return {
        "group": group,
        "badges": badges(group),
        "trend": draw_sparkline(group.trend),
        "teams": list(Team.objects.values_list("name", flat=True)),
        "mute_choices": MUTE_CHOICES,
        "event": event,
        "data": data,
        "trace": read_trace(data),
        "facts": list(_facts(event, data)) if event else [],
        "headers": list(data.get("request", {}).get("headers", {}).items()),
        "breadcrumbs": _crumbs(event, data) if event else [],
        "events": f"{group.events:,}",
        "users": f"{group.users:,}",
        "peak": f"{peak:,}" if (peak := max(group.trend)) else "",
        "then": _health_then(event, principal=principal, entity_id=group.entity_id) if event else [],
        "older_url": address(query, path, event=str(event.older_id)) if event and event.older_id else "",
        "newer_url": address(query, path, event=str(event.newer_id)) if event and event.newer_id else "",
        "newest_url": address(query, path, event=None) if event and event.newer_id else "",
        "edits": list_edits(principal=principal, target_uids=[uid]),
    }


def _find_event(query: QueryDict, *, principal: Principal, group: GroupRow) -> EventRow | None:
    wanted = query.get("event", "")
    number = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 19 else None
    try:
        return event_row(principal=principal, group_id=group.id, number=number)
    except NotFound:
        return event_row(principal=principal, group_id=group.id)


def _facts(event: EventRow, data: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = (
        ("Release", event.release),
        ("Environment", event.environment),
        ("Transaction", data.get("transaction", "")),
        ("Server", data.get("server", "")),
        ("User", data.get("user", "")),
        ("Logger", data.get("logger", "")),
        ("Event", event.event_id),
        ("SDK", data.get("sdk", "")),
    )
    return [(name, value) for name, value in found if value]


@dataclass(frozen=True, slots=True)
class Crumb:
    """``before`` says how long before the event it was; empty when the program did not tell, or told nonsense."""

    category: str
    message: str
    level: str
    before: str


def _crumbs(event: EventRow, data: Mapping[str, Any]) -> list[Crumb]:
    """The one before the event first."""
    return [
        Crumb(crumb["category"], crumb["message"], crumb["level"], _before(crumb["at"], event.at))
        for crumb in reversed(data.get("breadcrumbs", ()))
    ]


def _before(said: str, at: dt.datetime) -> str:
    """``said`` is seconds since the epoch or RFC 3339, as SDKs write it."""
    try:
        moment = dt.datetime.fromtimestamp(float(said), tz=dt.UTC)
    except (ValueError, OverflowError, OSError):
        try:
            moment = dt.datetime.fromisoformat(said)
        except ValueError:
            return ""
    seconds = (at - (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC))).total_seconds()
    if not 0 <= seconds < _DAY_SECONDS:
        return ""
    return f"{seconds:.1f} s" if seconds < 10 else duration_words(seconds)


def _health_then(event: EventRow, *, principal: Principal, entity_id: int) -> list[CheckThen]:
    at = to_ms(event.at)
    rows = check_rows(principal=principal, entity_ids=[entity_id], sort="name", limit=SHOWN_CHECKS).items
    return [
        CheckThen(
            row.name,
            row.uid,
            state_intervals(row.id, since_ms=at, until_ms=at + 1)[0].status.word,
            f"from={at - _AROUND_MS}&to={at + _AROUND_MS}",
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class KeyItem:
    number: int
    label: str
    dsn: str
    per_minute: int


def read_entity_errors(request: HttpRequest, *, principal: Principal, entity: EntityRow) -> dict[str, Any]:
    """The part of an entity's page that is about errors. DSNs are for those who may manage them."""
    groups = group_rows(principal=principal, state="open", entity_ref=entity.uid, limit=SHOWN_GROUPS)
    return {
        "errors": groups.items,
        "error_rows": join_rows(error_row(group) for group in groups.items),
        "has_more_errors": groups.has_more,
        "keys": _keys(request, principal=principal, entity_id=entity.id),
    }


def _keys(request: HttpRequest, *, principal: Principal, entity_id: int) -> Sequence[KeyItem]:
    if not principal.may(Permission.ERRORS_MANAGE):
        return ()
    return [
        KeyItem(row.number, row.label, dsn_of(row, request), row.per_minute)
        for row in key_rows(principal=principal, entity_id=entity_id)
    ]

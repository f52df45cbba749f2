"""The events of a group that are still kept."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.clock import from_ms
from core.errors import NotFound
from core.pagination import Page, SortKey, cut_page, decode_cursor, seek
from core.permissions import Permission, Principal
from ops.errors.models import StoredEvent
from ops.errors.stored_events import read_stored


@dataclass(frozen=True, slots=True)
class EventRow:
    """``data`` holds the fields of ``ErrorEvent`` as JSON values; every text in it is hostile."""

    id: int
    event_id: str
    at: dt.datetime
    release: str
    environment: str
    trace_id: str
    data: Mapping[str, Any]
    newer_id: int | None = None
    older_id: int | None = None


def newest_event_id() -> int:
    """Rises with every event that is stored; 0 before the first."""
    return StoredEvent.objects.order_by("-id").values_list("id", flat=True).first() or 0


def event_row(*, principal: Principal, group_id: int, number: int | None = None) -> EventRow | None:
    """One stored event of a group, None: the newest. None when no event is kept any more; raises ``NotFound``."""
    principal.require(Permission.CATALOG_VIEW)
    events = StoredEvent.objects.filter(group_id=group_id)
    event = events.order_by("-id").first() if number is None else events.filter(pk=number).first()
    if event is None:
        if number is not None:
            raise NotFound("This event is not kept any more")
        return None
    newer = events.filter(pk__gt=event.pk).order_by("id").values_list("id", flat=True).first()
    older = events.filter(pk__lt=event.pk).order_by("-id").values_list("id", flat=True).first()
    return _event(event, newer, older)


def event_rows(*, principal: Principal, group_id: int, limit: int = 20, cursor: str | None = None) -> Page[EventRow]:
    """The stored events of a group, newest first."""
    principal.require(Permission.CATALOG_VIEW)
    limit = max(1, min(limit, 100))
    purpose = f"error-events:{group_id}"
    position = decode_cursor(cursor, purpose=purpose) if cursor else None
    events = seek(StoredEvent.objects.filter(group_id=group_id), [SortKey("id", descending=True)], position)
    rows = [_event(event) for event in events[: limit + 1]]
    return cut_page(rows, limit=limit, purpose=purpose, position_of=lambda row: [row.id])


def _event(event: StoredEvent, newer: int | None = None, older: int | None = None) -> EventRow:
    return EventRow(
        event.pk, event.event_id, from_ms(event.at_ms), event.release, event.environment, event.trace_id,
        read_stored(bytes(event.data)), newer, older,
    )  # fmt: skip

"""The results of a check, newest first."""

import datetime as dt
from dataclasses import dataclass

from core.clock import from_ms
from core.errors import NotFound
from core.pagination import Page, SortKey, cut_page, decode_cursor, seek
from core.permissions import Permission, Principal
from ops.health.domain import Status
from ops.health.models import Check, CheckResult, ResultDetail

MAX_LIMIT = 1_000


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One result. ``slot`` is when it was due, ``message`` what was wrong, empty for a fine one."""

    slot: dt.datetime
    started_at: dt.datetime
    outcome: str
    duration_ms: float
    message: str


def recent_results(*, principal: Principal, check_uid: str, limit: int = 20) -> list[ResultRow]:
    """Raises ``NotFound``."""
    return list(results_page(principal=principal, check_uid=check_uid, limit=limit).items)


def results_page(
    *,
    principal: Principal,
    check_uid: str,
    limit: int = 50,
    cursor: str | None = None,
    since_ms: int | None = None,
    until_ms: int | None = None,
) -> Page[ResultRow]:
    """Results whose slot is from ``since_ms`` up to, not including, ``until_ms``.

    Raises ``NotFound``, and ``ValidationFailed`` for a cursor of another list.
    """
    principal.require(Permission.CATALOG_VIEW)
    limit = max(1, min(limit, MAX_LIMIT))
    check_id = None if "\0" in check_uid else Check.objects.filter(uid=check_uid).values_list("id", flat=True).first()
    if check_id is None:
        raise NotFound(f"There is no check {check_uid!r}")
    rows = CheckResult.objects.filter(check_id=check_id)
    if since_ms is not None:
        rows = rows.filter(slot_ms__gte=since_ms)
    if until_ms is not None:
        rows = rows.filter(slot_ms__lt=until_ms)
    purpose = f"results:{check_uid}"
    position = decode_cursor(cursor, purpose=purpose) if cursor else None
    columns = ("slot_ms", "late_ms", "outcome", "duration_us")
    found = seek(rows, [SortKey("slot_ms", descending=True)], position).values_list(*columns, named=True)[: limit + 1]
    page = cut_page(list(found), limit=limit, purpose=purpose, position_of=lambda row: [row.slot_ms])
    messages = _messages(check_id, first=page.items[-1].slot_ms, last=page.items[0].slot_ms) if page.items else {}
    return Page(
        tuple(
            ResultRow(
                slot=from_ms(row.slot_ms),
                started_at=from_ms(row.slot_ms + row.late_ms),
                outcome=Status(row.outcome).word,
                duration_ms=row.duration_us / 1000,
                message=messages.get(row.slot_ms, ""),
            )
            for row in page.items
        ),
        page.next_cursor,
    )


def _messages(check_id: int, *, first: int, last: int) -> dict[int, str]:
    details = ResultDetail.objects.filter(check_id=check_id, slot_ms__gte=first, slot_ms__lte=last)
    return dict(details.values_list("slot_ms", "message"))

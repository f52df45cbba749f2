"""The results of a check, newest first."""

import datetime as dt
from dataclasses import dataclass

from core.clock import from_ms
from core.errors import NotFound
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


@dataclass(frozen=True, slots=True)
class ResultPage:
    """``next_before_ms`` continues after the last item; None at the end."""

    items: list[ResultRow]
    next_before_ms: int | None


def recent_results(*, principal: Principal, check_uid: str, limit: int = 20) -> list[ResultRow]:
    """Raises ``NotFound``."""
    return results_page(principal=principal, check_uid=check_uid, limit=limit).items


def results_page(
    *,
    principal: Principal,
    check_uid: str,
    limit: int = 50,
    before_ms: int | None = None,
    since_ms: int | None = None,
    until_ms: int | None = None,
) -> ResultPage:
    """Results whose slot is before ``before_ms``, and from ``since_ms`` up to, not including, ``until_ms``.

    Raises ``NotFound``.
    """
    principal.require(Permission.CATALOG_VIEW)
    limit = max(1, min(limit, MAX_LIMIT))
    check_id = None if "\0" in check_uid else Check.objects.filter(uid=check_uid).values_list("id", flat=True).first()
    if check_id is None:
        raise NotFound(f"There is no check {check_uid!r}")
    rows = CheckResult.objects.filter(check_id=check_id)
    uppers = [bound for bound in (before_ms, until_ms) if bound is not None]
    if uppers:
        rows = rows.filter(slot_ms__lt=min(uppers))
    if since_ms is not None:
        rows = rows.filter(slot_ms__gte=since_ms)
    found = list(
        rows.order_by("-slot_ms").values_list("slot_ms", "late_ms", "outcome", "duration_us", named=True)[: limit + 1]
    )
    page = found[:limit]
    messages: dict[int, str] = {}
    if page:
        messages = dict(
            ResultDetail.objects.filter(
                check_id=check_id, slot_ms__gte=page[-1].slot_ms, slot_ms__lte=page[0].slot_ms
            ).values_list("slot_ms", "message")
        )
    return ResultPage(
        items=[
            ResultRow(
                slot=from_ms(row.slot_ms),
                started_at=from_ms(row.slot_ms + row.late_ms),
                outcome=Status(row.outcome).word,
                duration_ms=row.duration_us / 1000,
                message=messages.get(row.slot_ms, ""),
            )
            for row in page
        ],
        next_before_ms=page[-1].slot_ms if len(found) > limit else None,
    )

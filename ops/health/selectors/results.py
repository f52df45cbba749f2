"""The results of a check, newest first."""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.db.models import Q

from core.clock import from_ms
from core.errors import NotFound
from core.pagination import Page, SortKey, cut_page, decode_cursor, seek
from core.permissions import Permission, Principal
from ops.health.models import Check, CheckResult, ResultDetail
from ops.signals.domain import Status

MAX_LIMIT = 1_000
STREAM_ROWS = 2_000


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One result. ``slot`` is when it was due, ``message`` what was wrong, empty for a fine one."""

    slot: dt.datetime
    started_at: dt.datetime
    outcome: str
    duration_ms: float
    message: str
    detail: "ResultDetailRow | None" = None


@dataclass(frozen=True, slots=True)
class ResultDetailRow:
    """What a failed or changed result keeps; a text is empty where nothing is known."""

    phase: str
    message: str
    excerpt: str
    trace_id: str


_NO_DETAIL = ResultDetailRow("", "", "", "")


def find_check_id(*, principal: Principal, uid: str) -> int:
    """The primary key of a check that the principal may see. Raises ``NotFound``."""
    principal.require(Permission.CATALOG_VIEW)
    check_id = None if "\0" in uid else Check.objects.filter(uid=uid).values_list("id", flat=True).first()
    if check_id is None:
        raise NotFound(f"There is no check {uid[:80]!r}")
    return check_id


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
    check_id = find_check_id(principal=principal, uid=check_uid)
    limit = max(1, min(limit, MAX_LIMIT))
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
    details = _details(check_id, first=page.items[-1].slot_ms, last=page.items[0].slot_ms) if page.items else {}
    return Page(
        tuple(
            _result_row(row.slot_ms, row.late_ms, row.outcome, row.duration_us, details.get(row.slot_ms))
            for row in page.items
        ),
        page.next_cursor,
    )


def stream_results(check_id: int, *, since_ms: int, until_ms: int) -> Iterator[ResultRow]:
    """The same results from the newest to the oldest, however many: read as they are taken, ``STREAM_ROWS`` at a time.

    Each portion is a short query of its own, so that a slow reader holds neither a transaction nor a cursor.
    """
    rows = CheckResult.objects.filter(check_id=check_id, slot_ms__gte=since_ms).order_by("-slot_ms")
    columns = ("slot_ms", "late_ms", "outcome", "duration_us")
    before = until_ms
    while True:
        portion = list(rows.filter(slot_ms__lt=before).values_list(*columns)[:STREAM_ROWS])
        if not portion:
            return
        before = portion[-1][0]
        details = _details(check_id, first=before, last=portion[0][0])
        for row in portion:
            slot_ms, late_ms, outcome, duration_us = row
            yield _result_row(slot_ms, late_ms, outcome, duration_us, details.get(slot_ms))
        if len(portion) < STREAM_ROWS:
            return


def _result_row(
    slot_ms: int, late_ms: int, outcome: int, duration_us: int, detail: ResultDetailRow | None
) -> ResultRow:
    return ResultRow(
        slot=from_ms(slot_ms),
        started_at=from_ms(slot_ms + late_ms),
        outcome=Status(outcome).word,
        duration_ms=duration_us / 1000,
        message=(detail or _NO_DETAIL).message,
        detail=detail,
    )


def _details(check_id: int, *, first: int, last: int) -> dict[int, ResultDetailRow]:
    details = ResultDetail.objects.filter(check_id=check_id, slot_ms__gte=first, slot_ms__lte=last)
    columns = details.values_list("slot_ms", "phase", "message", "excerpt", "trace_id")
    return {slot_ms: ResultDetailRow(*texts) for slot_ms, *texts in columns}


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    outcome: str
    duration_ms: float


def recent_outcomes(
    *, principal: Principal, last_slots: Mapping[int, tuple[int, int]], limit: int
) -> Mapping[int, list[OutcomeRow]]:
    """The outcomes of several checks, newest first, in one query.

    ``last_slots`` maps the primary key of a check to when its last result was due and to its interval, both in
    milliseconds: what is older than ``limit`` intervals before is left out.
    """
    principal.require(Permission.CATALOG_VIEW)
    found: dict[int, list[OutcomeRow]] = {check_id: [] for check_id in last_slots}
    if not last_slots:
        return found
    wanted = Q()
    for check_id, (slot_ms, interval_ms) in last_slots.items():
        wanted |= Q(check_id=check_id, slot_ms__gt=slot_ms - limit * interval_ms)
    words = {status.value: status.word for status in Status}
    rows = CheckResult.objects.filter(wanted).order_by("check_id", "-slot_ms")
    for check_id, outcome, duration_us in rows.values_list("check_id", "outcome", "duration_us"):
        if len(found[check_id]) < limit:
            found[check_id].append(OutcomeRow(words[outcome], duration_us / 1000))
    return found

"""Checks with what people wrote about them."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import NotFound
from core.permissions import Permission, Principal
from ops.health.definition import document_of, mask_document
from ops.health.models import Check, Heartbeat
from ops.health.selectors.checks import CheckRow, check_row


@dataclass(frozen=True, slots=True)
class CheckDetail:
    """``document`` is the definition in the spelling of the catalogue file.

    Whoever may not edit sees neither its secrets nor the ping address, with which anybody could report.
    """

    row: CheckRow
    document: dict[str, Any]
    ping_id: uuid.UUID | None
    created_at: dt.datetime
    updated_at: dt.datetime


def check_detail(*, principal: Principal, uid: str) -> CheckDetail:
    """Raises ``NotFound``."""
    details = check_details(principal=principal, rows=[check_row(principal=principal, uid=uid)])
    if not details:
        raise NotFound(f"There is no check {uid[:80]!r}")
    return details[0]


def check_details(*, principal: Principal, rows: Sequence[CheckRow]) -> list[CheckDetail]:
    """The details of rows just read, in two queries; one that was deleted since is left out."""
    principal.require(Permission.CATALOG_VIEW)
    may_edit = principal.may(Permission.CATALOG_EDIT)
    checks = Check.objects.in_bulk([row.id for row in rows])
    pings: dict[int, uuid.UUID] = {}
    if may_edit:
        pings = dict(Heartbeat.objects.filter(pk__in=checks).values_list("pk", "ping_id"))
    return [
        CheckDetail(
            row=row,
            document=document_of(check) if may_edit else mask_document(document_of(check), kind=check.kind),
            ping_id=pings.get(row.id),
            created_at=check.created_at,
            updated_at=check.updated_at,
        )
        for row in rows
        if (check := checks.get(row.id)) is not None
    ]

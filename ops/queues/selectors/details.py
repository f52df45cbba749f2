"""Queues with what people wrote about them."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import NotFound
from core.permissions import Permission, Principal
from ops.queues.definition import document_of, mask_document
from ops.queues.models import Queue
from ops.queues.selectors.rows import QueueRow, queue_row


@dataclass(frozen=True, slots=True)
class QueueDetail:
    """``document`` is the definition in the spelling of the catalogue file, masked for those who may not edit."""

    row: QueueRow
    document: dict[str, Any]
    created_at: dt.datetime
    updated_at: dt.datetime


def queue_detail(*, principal: Principal, uid: str) -> QueueDetail:
    """Raises ``NotFound``."""
    details = queue_details(principal=principal, rows=[queue_row(principal=principal, uid=uid)])
    if not details:
        raise NotFound(f"There is no queue {uid[:80]!r}")
    return details[0]


def queue_details(*, principal: Principal, rows: Sequence[QueueRow]) -> list[QueueDetail]:
    """The details of rows just read; one that was deleted since is left out."""
    principal.require(Permission.CATALOG_VIEW)
    may_edit = principal.may(Permission.CATALOG_EDIT)
    queues = Queue.objects.in_bulk([row.id for row in rows])
    return [
        QueueDetail(
            row=row,
            document=document_of(queue) if may_edit else mask_document(document_of(queue), kind=queue.kind),
            created_at=queue.created_at,
            updated_at=queue.updated_at,
        )
        for row in rows
        if (queue := queues.get(row.id)) is not None
    ]

"""The verdict on everything over REST."""

import datetime as dt

from django.http import HttpRequest
from ninja import Router
from pydantic import BaseModel, Field

from core.api_auth import permitted
from core.api_input import NoQuery, refuse_unknown_query
from core.permissions import Permission
from entities.status import STATUSES
from ops.statuses.selectors import Verdict, verdict

router = Router(tags=["status"])


class VerdictOut(BaseModel):
    status: str = Field(description="The loudest status of any entity; `unknown` when there is none.")
    counts: dict[str, int] = Field(description="Entities by status, every status present.")
    total: int
    newest_result_at: dt.datetime | None

    @classmethod
    def of(cls, verdict: Verdict) -> "VerdictOut":
        present = [status for status in STATUSES if verdict.counts.get(status)]
        return cls(
            status=present[-1] if present else "unknown",
            counts={status: verdict.counts.get(status, 0) for status in STATUSES},
            total=verdict.total,
            newest_result_at=verdict.newest_result_at,
        )


@router.get(
    "/status",
    auth=permitted(Permission.CATALOG_VIEW),
    response=VerdictOut,
    operation_id="getStatus",
    summary="The verdict on everything",
)
def get_status(request: HttpRequest) -> VerdictOut:
    """How many entities have which status, and when the newest result came in."""
    refuse_unknown_query(request, NoQuery)
    return VerdictOut.of(verdict())

"""The timeline of an entity over REST."""

import datetime as dt
from typing import Annotated

from django.http import HttpRequest
from ninja import Query, Router
from pydantic import BaseModel, Field

from core.api_auth import permitted
from core.api_input import refuse_unknown_query
from core.authentication import request_principal
from core.pagination import CURSOR_MAX_LENGTH
from core.permissions import Permission
from entities.selectors import find_entity
from ops.journal.selectors import MAX_LIMIT, timeline

router = Router(tags=["catalogue"])


class TimelineQuery(BaseModel):
    cursor: Annotated[str | None, Field(max_length=CURSOR_MAX_LENGTH, description="`next_cursor` of a page.")] = None
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = 50


class TimelineEntryOut(BaseModel):
    at: dt.datetime
    kind: str = Field(description="Such as `check.status`, a change of status.")
    subject: str = Field(description="The name of the check, or of what else it tells of.")
    before: str
    after: str
    message: str


class TimelinePage(BaseModel):
    items: list[TimelineEntryOut]
    next_cursor: str | None
    has_more: bool


@router.get(
    "/entities/{ref}/timeline",
    auth=permitted(Permission.CATALOG_VIEW),
    response=TimelinePage,
    operation_id="listTimeline",
    summary="What happened to an entity",
)
def list_timeline(request: HttpRequest, ref: str, query: Query[TimelineQuery]) -> TimelinePage:
    """Newest first."""
    refuse_unknown_query(request, TimelineQuery)
    page = timeline(
        principal=request_principal(request), entity_id=find_entity(ref).pk, limit=query.limit, cursor=query.cursor
    )
    return TimelinePage(
        items=[TimelineEntryOut.model_validate(row, from_attributes=True) for row in page.items],
        next_cursor=page.next_cursor,
        has_more=page.has_more,
    )

"""Breakers over REST: what is known of them, and what programs report."""

from django.http import HttpRequest
from ninja import Query, Router
from ninja.responses import Status

from core.api_auth import permitted
from core.api_input import refuse_unknown_query
from core.authentication import request_principal
from core.permissions import Permission
from ops.breakers import selectors, services
from ops.breakers.schemas import (
    BreakerOut,
    BreakerPage,
    BreakerQuery,
    ReportsBody,
    ReportsOut,
    TransitionOut,
    TransitionPage,
    TransitionQuery,
)

router = Router(tags=["breakers"])

_VIEW = permitted(Permission.CATALOG_VIEW)
_MANAGE = permitted(Permission.BREAKERS_MANAGE)
_REPORT = permitted(Permission.BREAKERS_REPORT)


@router.get("/breakers", auth=_VIEW, response=BreakerPage, operation_id="listBreakers", summary="List breakers")
def list_breakers(request: HttpRequest, query: Query[BreakerQuery]) -> BreakerPage:
    """One page of the breakers that match every filter, those in trouble first."""
    refuse_unknown_query(request, BreakerQuery)
    page = selectors.breaker_rows(
        principal=request_principal(request),
        state=query.state,
        owner=query.owner(),
        entity_ref=query.entity,
        q=query.q,
        sort=query.sort,
        limit=query.limit,
        cursor=query.cursor,
    )
    return BreakerPage(
        items=[BreakerOut.of(row) for row in page.items], next_cursor=page.next_cursor, has_more=page.has_more
    )


@router.post(
    "/breakers/reports",
    auth=_REPORT,
    response=ReportsOut,
    operation_id="reportBreakers",
    summary="Report how breakers stand",
)
def report_breakers(request: HttpRequest, payload: ReportsBody) -> ReportsOut:
    """Take a batch as far as its items are right. A batch may be sent again: an item that is not newer than what is
    known of its instance changes nothing."""
    outcome = services.take_reports(principal=request_principal(request), reports=payload.reports)
    return ReportsOut.of(outcome)


@router.get("/breakers/{uid}", auth=_VIEW, response=BreakerOut, operation_id="getBreaker", summary="Show a breaker")
def get_breaker(request: HttpRequest, uid: str) -> BreakerOut:
    return BreakerOut.of(selectors.breaker_row(principal=request_principal(request), uid=uid))


@router.delete(
    "/breakers/{uid}",
    auth=_MANAGE,
    response={204: None},
    operation_id="deleteBreaker",
    summary="Delete a breaker that was reported",
)
def delete_breaker(request: HttpRequest, uid: str) -> Status[None]:
    """Forget it with its instances; the next report brings it back. Refused (409) while a source reads it."""
    services.delete_breaker(principal=request_principal(request), uid=uid)
    return Status(204, None)


@router.get(
    "/breakers/{uid}/transitions",
    auth=_VIEW,
    response=TransitionPage,
    operation_id="listBreakerTransitions",
    summary="List its transitions",
)
def list_transitions(request: HttpRequest, uid: str, query: Query[TransitionQuery]) -> TransitionPage:
    """What its instances went through, newest first."""
    refuse_unknown_query(request, TransitionQuery)
    page = selectors.transitions(principal=request_principal(request), uid=uid, limit=query.limit, cursor=query.cursor)
    items = [TransitionOut.model_validate(row) for row in page.items]
    return TransitionPage(items=items, next_cursor=page.next_cursor, has_more=page.has_more)

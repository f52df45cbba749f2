"""Recent errors over REST: DSNs of entities, groups, their events, and what people do with them."""

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router
from ninja.responses import Status

from core.api_auth import permitted
from core.api_input import refuse_unknown_query
from core.authentication import request_principal
from core.clock import to_ms
from core.http_preconditions import IfMatch, entity_tag, expected_version
from core.permissions import Permission
from entities.schemas import OwnerQuery
from entities.selectors import find_entity
from ops.errors import selectors, services
from ops.errors.schemas import (
    AssignBody,
    ErrorQuery,
    EventOut,
    EventPage,
    EventQuery,
    GroupOut,
    GroupPage,
    KeyOut,
    KeysOut,
    MuteBody,
    NewKeyBody,
    ResolveBody,
)

router = Router(tags=["errors"])

_VIEW = permitted(Permission.CATALOG_VIEW)
_MANAGE = permitted(Permission.ERRORS_MANAGE)


@router.get(
    "/entities/{ref}/dsns", auth=_MANAGE, response=KeysOut, operation_id="listDsns", summary="List an entity's DSNs"
)
def list_dsns(request: HttpRequest, ref: str) -> KeysOut:
    rows = selectors.key_rows(principal=request_principal(request), entity_id=find_entity(ref).pk)
    return KeysOut(items=[KeyOut.of(row, request) for row in rows])


@router.post(
    "/entities/{ref}/dsns",
    auth=_MANAGE,
    response={201: KeyOut},
    operation_id="createDsn",
    summary="Let an entity's programs report errors",
)
def create_dsn(request: HttpRequest, ref: str, payload: NewKeyBody | None = None) -> Status[KeyOut]:
    """Programs with any of Sentry's SDKs report to the `dsn` of the answer."""
    body = payload or NewKeyBody()
    principal = request_principal(request)
    key = services.create_key(principal=principal, entity_ref=ref, label=body.label, per_minute=body.per_minute)
    rows = selectors.key_rows(principal=principal, entity_id=key.entity_id)
    return Status(201, next(KeyOut.of(row, request) for row in rows if row.number == key.pk))


@router.delete(
    "/entities/{ref}/dsns/{number}",
    auth=_MANAGE,
    response={204: None},
    operation_id="revokeDsn",
    summary="Revoke a DSN",
)
def revoke_dsn(request: HttpRequest, ref: str, number: int) -> Status[None]:
    """Events that come by it are refused within ten seconds; what it brought stays."""
    services.revoke_key(principal=request_principal(request), entity_ref=ref, number=number)
    return Status(204, None)


@router.get("/errors", auth=_VIEW, response=GroupPage, operation_id="listErrors", summary="List error groups")
def list_errors(request: HttpRequest, query: Query[ErrorQuery]) -> GroupPage:
    """One page of the groups that match every filter."""
    refuse_unknown_query(request, ErrorQuery)
    filters = query.model_dump(exclude={"entity", *OwnerQuery.model_fields})
    principal = request_principal(request)
    page = selectors.group_rows(principal=principal, entity_ref=query.entity, owner=query.owner(), **filters)
    return GroupPage(
        items=[GroupOut.of(row) for row in page.items], next_cursor=page.next_cursor, has_more=page.has_more
    )


@router.get("/errors/{uid}", auth=_VIEW, response=GroupOut, operation_id="getError", summary="Show an error group")
def get_error(request: HttpRequest, uid: str, response: HttpResponse) -> GroupOut:
    return _show(request, uid, response)


@router.get(
    "/errors/{uid}/events", auth=_VIEW, response=EventPage, operation_id="listErrorEvents", summary="List its events"
)
def list_events(request: HttpRequest, uid: str, query: Query[EventQuery]) -> EventPage:
    """The events that are still kept, newest first."""
    refuse_unknown_query(request, EventQuery)
    principal = request_principal(request)
    group = selectors.group_row(principal=principal, uid=uid)
    page = selectors.event_rows(principal=principal, group_id=group.id, limit=query.limit, cursor=query.cursor)
    return EventPage(
        items=[EventOut.of(row) for row in page.items], next_cursor=page.next_cursor, has_more=page.has_more
    )


@router.post(
    "/errors/{uid}/resolve", auth=_MANAGE, response=GroupOut, operation_id="resolveError", summary="Resolve a group"
)
def resolve_error(
    request: HttpRequest,
    uid: str,
    response: HttpResponse,
    payload: ResolveBody | None = None,
    if_match: IfMatch = None,
) -> GroupOut:
    """It opens again when it comes back in a later release."""
    services.resolve_group(
        principal=request_principal(request),
        uid=uid,
        release=payload.release if payload else None,
        expected_version=expected_version(if_match),
    )
    return _show(request, uid, response)


@router.post("/errors/{uid}/mute", auth=_MANAGE, response=GroupOut, operation_id="muteError", summary="Mute a group")
def mute_error(
    request: HttpRequest, uid: str, payload: MuteBody, response: HttpResponse, if_match: IfMatch = None
) -> GroupOut:
    """Until a time, until so many events came in an hour, or until somebody reopens it."""
    until_ms = None if payload.until is None else to_ms(payload.until)
    services.mute_group(
        principal=request_principal(request),
        uid=uid,
        mute=services.Mute(until_ms=until_ms, per_hour=payload.per_hour),
        expected_version=expected_version(if_match),
    )
    return _show(request, uid, response)


@router.post(
    "/errors/{uid}/reopen", auth=_MANAGE, response=GroupOut, operation_id="reopenError", summary="Reopen a group"
)
def reopen_error(request: HttpRequest, uid: str, response: HttpResponse, if_match: IfMatch = None) -> GroupOut:
    services.reopen_group(principal=request_principal(request), uid=uid, expected_version=expected_version(if_match))
    return _show(request, uid, response)


@router.post(
    "/errors/{uid}/assign", auth=_MANAGE, response=GroupOut, operation_id="assignError", summary="Assign to a team"
)
def assign_error(
    request: HttpRequest, uid: str, payload: AssignBody, response: HttpResponse, if_match: IfMatch = None
) -> GroupOut:
    """`team` null gives it back to the team of its entity."""
    services.assign_group(
        principal=request_principal(request),
        uid=uid,
        team=payload.team,
        expected_version=expected_version(if_match),
    )
    return _show(request, uid, response)


def _show(request: HttpRequest, uid: str, response: HttpResponse) -> GroupOut:
    row = selectors.group_row(principal=request_principal(request), uid=uid)
    response["ETag"] = entity_tag(row.version, row)
    return GroupOut.of(row)

"""Sources of breakers over REST, and what operators do to breakers."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Query, Router
from ninja.decorators import decorate_view
from ninja.responses import Status

from core.api_auth import permitted
from core.api_input import refuse_unknown_query
from core.authentication import request_principal
from core.http_preconditions import IfMatch, IfNoneMatch, entity_tag, expected_version, is_not_modified
from core.idempotency import IDEMPOTENCY_PARAMETER, answer_once
from core.permissions import Permission
from ops.breakers import selectors, services
from ops.breakers.definition import DEFINITIONS, parse_source
from ops.breakers.domain import Action
from ops.breakers.source_schemas import (
    ControlBody,
    ControlOut,
    NewSourceBody,
    SourceBody,
    SourceOut,
    SourcePage,
    SourceQuery,
)
from ops.breakers.trial_schemas import SourceTrialOut
from ops.breakers.trials import try_source

router = Router(tags=["breakers"])

_VIEW = permitted(Permission.CATALOG_VIEW)
_EDIT = permitted(Permission.CATALOG_EDIT)
_MANAGE = permitted(Permission.BREAKERS_MANAGE)


@router.get(
    "/breaker-sources",
    auth=_VIEW,
    response=SourcePage,
    operation_id="listBreakerSources",
    summary="List sources of breakers",
)
def list_sources(request: HttpRequest, query: Query[SourceQuery]) -> SourcePage:
    """By entity and name."""
    refuse_unknown_query(request, SourceQuery)
    page = selectors.source_rows(
        principal=request_principal(request), entity_ref=query.entity, limit=query.limit, cursor=query.cursor
    )
    return SourcePage(
        items=[SourceOut.of(row) for row in page.items], next_cursor=page.next_cursor, has_more=page.has_more
    )


@router.post(
    "/breaker-sources",
    auth=_EDIT,
    response={201: SourceOut},
    operation_id="createBreakerSource",
    summary="Create a source of breakers",
    openapi_extra=IDEMPOTENCY_PARAMETER,
)
@decorate_view(answer_once)
def create_source(request: HttpRequest, payload: NewSourceBody, response: HttpResponse) -> Status[SourceOut]:
    """Read the breakers of an entity from its metrics or its actuator, at once and then in its rhythm."""
    saved = services.create_source(
        principal=request_principal(request), entity_ref=payload.entity, definition=parse_source(payload.fields())
    )
    response["Location"] = reverse("api:get_source", kwargs={"uid": saved.uid})
    return Status(201, _show(request, saved.uid, response))


@router.post(
    "/breaker-sources/test",
    auth=_EDIT,
    response=SourceTrialOut,
    operation_id="testBreakerSource",
    summary="Try a source of breakers",
)
def test_source(request: HttpRequest, payload: NewSourceBody) -> SourceTrialOut:
    """Look once as the body says and tell what came of it, within 5 s; nothing is stored. The attempt is audited.
    Refused (429) while others are being tried."""
    definition = parse_source(payload.fields())
    return SourceTrialOut.of(
        try_source(principal=request_principal(request), entity_ref=payload.entity, definition=definition)
    )


@router.get(
    "/breaker-sources/{uid}",
    auth=_VIEW,
    response={200: SourceOut, 304: None},
    operation_id="getBreakerSource",
    summary="Show a source of breakers",
)
def get_source(
    request: HttpRequest, uid: str, response: HttpResponse, if_none_match: IfNoneMatch = None
) -> Status[SourceOut | None]:
    source = _show(request, uid, response)
    if is_not_modified(if_none_match, response["ETag"]):
        return Status(304, None)
    return Status(200, source)


@router.put(
    "/breaker-sources/{uid}",
    auth=_EDIT,
    response=SourceOut,
    operation_id="replaceBreakerSource",
    summary="Replace a source of breakers",
)
def replace_source(
    request: HttpRequest, uid: str, payload: SourceBody, response: HttpResponse, if_match: IfMatch = None
) -> SourceOut:
    """Make a source say exactly this; fields that are left out go back to their defaults."""
    DEFINITIONS.refuse_other_entity(uid, payload.entity)
    services.replace_source(
        principal=request_principal(request),
        uid=uid,
        definition=parse_source(payload.fields()),
        expected_version=expected_version(if_match),
    )
    return _show(request, uid, response)


@router.patch(
    "/breaker-sources/{uid}",
    auth=_EDIT,
    response=SourceOut,
    operation_id="updateBreakerSource",
    summary="Edit a source of breakers",
)
def update_source(
    request: HttpRequest, uid: str, payload: SourceBody, response: HttpResponse, if_match: IfMatch = None
) -> SourceOut:
    """Set the given fields; the others stay. Another kind starts with none of the old kind's fields."""
    DEFINITIONS.refuse_other_entity(uid, payload.entity)
    services.update_source(
        principal=request_principal(request),
        uid=uid,
        changes=payload.fields(),
        expected_version=expected_version(if_match),
    )
    return _show(request, uid, response)


@router.delete(
    "/breaker-sources/{uid}",
    auth=_EDIT,
    response={204: None},
    operation_id="deleteBreakerSource",
    summary="Delete a source of breakers",
)
def delete_source(request: HttpRequest, uid: str, if_match: IfMatch = None) -> Status[None]:
    """Remove a source and the instances that it told of."""
    services.delete_source(principal=request_principal(request), uid=uid, expected_version=expected_version(if_match))
    return Status(204, None)


@router.post(
    "/breakers/{uid}/force-open",
    auth=_MANAGE,
    response=ControlOut,
    operation_id="forceBreakerOpen",
    summary="Force a breaker open",
)
def force_open(request: HttpRequest, uid: str, payload: ControlBody) -> ControlOut:
    """Cut off what it guards until somebody closes it. Refused (409) where no source can, (503) when none did it."""
    return _control(request, uid, payload, Action.FORCE_OPEN)


@router.post(
    "/breakers/{uid}/close", auth=_MANAGE, response=ControlOut, operation_id="closeBreaker", summary="Close a breaker"
)
def close(request: HttpRequest, uid: str, payload: ControlBody) -> ControlOut:
    """Let calls through again; it opens by itself when they fail. Refused as `forceBreakerOpen`."""
    return _control(request, uid, payload, Action.CLOSE)


@router.post(
    "/breakers/{uid}/disable",
    auth=_MANAGE,
    response=ControlOut,
    operation_id="disableBreaker",
    summary="Disable a breaker",
)
def disable(request: HttpRequest, uid: str, payload: ControlBody) -> ControlOut:
    """Let every call through, whatever fails. Refused as `forceBreakerOpen`."""
    return _control(request, uid, payload, Action.DISABLE)


@router.post(
    "/breakers/{uid}/reset", auth=_MANAGE, response=ControlOut, operation_id="resetBreaker", summary="Reset a breaker"
)
def reset(request: HttpRequest, uid: str, payload: ControlBody) -> ControlOut:
    """Close it and forget what it counted. Refused as `forceBreakerOpen`; Spring's endpoint has no such thing."""
    return _control(request, uid, payload, Action.RESET)


def _control(request: HttpRequest, uid: str, payload: ControlBody, action: Action) -> ControlOut:
    outcome = services.control_breaker(
        principal=request_principal(request),
        uid=uid,
        action=action,
        reason=payload.reason,
        instance=payload.instance,
    )
    return ControlOut.of(outcome)


def _show(request: HttpRequest, uid: str, response: HttpResponse) -> SourceOut:
    row = selectors.source_row(principal=request_principal(request), uid=uid)
    response["ETag"] = entity_tag(row.version, row)
    return SourceOut.of(row)

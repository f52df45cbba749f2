"""Checks over REST."""

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
from core.pagination import Page
from core.permissions import Permission
from entities.selectors import find_entity
from ops.health import selectors, services
from ops.health.definition import DEFINITIONS, parse_check
from ops.health.schemas import (
    CheckBody,
    CheckOut,
    CheckPage,
    CheckQuery,
    NewCheckBody,
    PageQuery,
    TrialOut,
)
from ops.health.selectors import CheckDetail, CheckRow
from ops.health.trials import try_check
from ops.health.wakeup import wake_engine_on_commit

router = Router(tags=["checks"])

_VIEW = permitted(Permission.CATALOG_VIEW)
_EDIT = permitted(Permission.CATALOG_EDIT)
_RUN = permitted(Permission.CHECK_RUN)
_PAUSE = permitted(Permission.CHECK_PAUSE)


@router.get("/checks", auth=_VIEW, response=CheckPage, operation_id="listChecks", summary="List checks")
def list_checks(request: HttpRequest, query: Query[CheckQuery]) -> CheckPage:
    """One page of the checks that match every filter, the worst first."""
    refuse_unknown_query(request, CheckQuery)
    return _show_page(
        request,
        selectors.check_rows(
            principal=request_principal(request),
            entity_ref=query.entity,
            kind=query.kind,
            owner=query.owner(),
            status=query.status,
            q=query.q,
            sort=query.sort,
            limit=query.limit,
            cursor=query.cursor,
        ),
    )


@router.post(
    "/checks",
    auth=_EDIT,
    response={201: CheckOut},
    operation_id="createCheck",
    summary="Create a check",
    openapi_extra=IDEMPOTENCY_PARAMETER,
)
@decorate_view(answer_once)
def create_check(request: HttpRequest, payload: NewCheckBody, response: HttpResponse) -> Status[CheckOut]:
    """Add a check to an entity. It runs at once; of many created together each within a minute and its interval."""
    saved = services.create_check(
        principal=request_principal(request), entity_ref=payload.entity, definition=parse_check(payload.fields())
    )
    wake_engine_on_commit()
    response["Location"] = reverse("api:get_check", kwargs={"uid": saved.uid})
    return Status(201, _show(request, saved.uid, response))


@router.post("/checks/test", auth=_EDIT, response=TrialOut, operation_id="testCheck", summary="Try a check")
def test_check(request: HttpRequest, payload: NewCheckBody) -> TrialOut:
    """Probe once what the body says and tell what came of it, within 5 s; nothing is stored. The attempt is audited.
    Refused (409) for a kind that waits for pings, (429) while others are being tried."""
    definition = parse_check(payload.fields())
    return TrialOut.of(
        try_check(principal=request_principal(request), entity_ref=payload.entity, definition=definition)
    )


@router.get(
    "/checks/{uid}",
    auth=_VIEW,
    response={200: CheckOut, 304: None},
    operation_id="getCheck",
    summary="Show a check",
)
def get_check(
    request: HttpRequest, uid: str, response: HttpResponse, if_none_match: IfNoneMatch = None
) -> Status[CheckOut | None]:
    check = _show(request, uid, response)
    if is_not_modified(if_none_match, response["ETag"]):
        return Status(304, None)
    return Status(200, check)


@router.put("/checks/{uid}", auth=_EDIT, response=CheckOut, operation_id="replaceCheck", summary="Replace a check")
def replace_check(
    request: HttpRequest, uid: str, payload: CheckBody, response: HttpResponse, if_match: IfMatch = None
) -> CheckOut:
    """Make a check say exactly this; fields that are left out go back to their defaults."""
    DEFINITIONS.refuse_other_entity(uid, payload.entity)
    services.replace_check(
        principal=request_principal(request),
        uid=uid,
        definition=parse_check(payload.fields()),
        expected_version=expected_version(if_match),
    )
    wake_engine_on_commit()
    return _show(request, uid, response)


@router.patch("/checks/{uid}", auth=_EDIT, response=CheckOut, operation_id="updateCheck", summary="Edit a check")
def update_check(
    request: HttpRequest, uid: str, payload: CheckBody, response: HttpResponse, if_match: IfMatch = None
) -> CheckOut:
    """Set the given fields; the others stay. Another kind starts with none of the old kind's fields."""
    DEFINITIONS.refuse_other_entity(uid, payload.entity)
    services.update_check(
        principal=request_principal(request),
        uid=uid,
        changes=payload.fields(),
        expected_version=expected_version(if_match),
    )
    wake_engine_on_commit()
    return _show(request, uid, response)


@router.delete("/checks/{uid}", auth=_EDIT, response={204: None}, operation_id="deleteCheck", summary="Delete a check")
def delete_check(request: HttpRequest, uid: str, if_match: IfMatch = None) -> Status[None]:
    """Remove a check with its results."""
    services.delete_check(principal=request_principal(request), uid=uid, expected_version=expected_version(if_match))
    return Status(204, None)


@router.post(
    "/checks/{uid}/run", auth=_RUN, response={202: CheckOut}, operation_id="runCheck", summary="Run a check now"
)
def run_check(request: HttpRequest, uid: str, response: HttpResponse) -> Status[CheckOut]:
    """Make a check due now; its result follows. Refused (409) for one that is paused or waits for pings."""
    services.run_check_now(principal=request_principal(request), uid=uid)
    wake_engine_on_commit()
    return Status(202, _show(request, uid, response))


@router.post("/checks/{uid}/pause", auth=_PAUSE, response=CheckOut, operation_id="pauseCheck", summary="Pause a check")
def pause_check(request: HttpRequest, uid: str, response: HttpResponse) -> CheckOut:
    services.pause_check(principal=request_principal(request), uid=uid)
    return _show(request, uid, response)


@router.post(
    "/checks/{uid}/resume", auth=_PAUSE, response=CheckOut, operation_id="resumeCheck", summary="Resume a check"
)
def resume_check(request: HttpRequest, uid: str, response: HttpResponse) -> CheckOut:
    """Put a check back on its schedule; it is unknown until its first result."""
    services.resume_check(principal=request_principal(request), uid=uid)
    wake_engine_on_commit()
    return _show(request, uid, response)


@router.get(
    "/entities/{ref}/checks",
    auth=_VIEW,
    response=CheckPage,
    operation_id="listEntityChecks",
    summary="List the checks of an entity",
)
def list_entity_checks(request: HttpRequest, ref: str, query: Query[PageQuery]) -> CheckPage:
    """The worst first."""
    refuse_unknown_query(request, PageQuery)
    page = selectors.check_rows(
        principal=request_principal(request),
        entity_ids=[find_entity(ref).pk],
        limit=query.limit,
        cursor=query.cursor,
    )
    return _show_page(request, page)


def _show(request: HttpRequest, uid: str, response: HttpResponse) -> CheckOut:
    detail = selectors.check_detail(principal=request_principal(request), uid=uid)
    response["ETag"] = entity_tag(detail.row.version, detail.row)
    return _out(request, detail)


def _show_page(request: HttpRequest, page: Page[CheckRow]) -> CheckPage:
    details = selectors.check_details(principal=request_principal(request), rows=page.items)
    return CheckPage(
        items=[_out(request, detail) for detail in details], next_cursor=page.next_cursor, has_more=page.has_more
    )


def _out(request: HttpRequest, detail: CheckDetail) -> CheckOut:
    ping_url = None if detail.ping_id is None else request.build_absolute_uri(f"/ping/{detail.ping_id}")
    return CheckOut.of(detail, ping_url=ping_url)

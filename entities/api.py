"""The catalogue's part of the REST API."""

from dataclasses import replace
from typing import Any

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
from entities import selectors, services, teams
from entities.definition import EntityDefinition, TeamDefinition
from entities.schemas import (
    DependenciesIn,
    EntityChanges,
    EntityOut,
    EntityPage,
    EntityQuery,
    NeighboursOut,
    TeamChanges,
    TeamOut,
    TeamPage,
    TeamQuery,
)

router = Router(tags=["catalogue"])

_VIEW = permitted(Permission.CATALOG_VIEW)
_EDIT = permitted(Permission.CATALOG_EDIT)


@router.get("/entities", auth=_VIEW, response=EntityPage, operation_id="listEntities", summary="List entities")
def list_entities(request: HttpRequest, query: Query[EntityQuery]) -> EntityPage:
    """One page of the entities that match every filter, each with its status."""
    refuse_unknown_query(request, EntityQuery)
    narrow = replace(query.owner(), kind=query.kind, lifecycle=query.lifecycle, status=query.status, q=query.q)
    page = selectors.list_entities(
        principal=request_principal(request), narrow=narrow, sort=query.sort, cursor=query.cursor, limit=query.limit
    )
    return EntityPage.of(page)


@router.post(
    "/entities",
    auth=_EDIT,
    response={201: EntityOut},
    operation_id="createEntity",
    summary="Create an entity",
    openapi_extra=IDEMPOTENCY_PARAMETER,
)
@decorate_view(answer_once)
def create_entity(request: HttpRequest, payload: EntityDefinition, response: HttpResponse) -> Status[EntityOut]:
    """Add an entity. A team that does not exist yet is created with it."""
    saved = services.create_entity(principal=request_principal(request), definition=payload)
    response["Location"] = reverse("api:get_entity", kwargs={"ref": saved.uid})
    return Status(201, _show(request, saved.uid, response))


@router.get(
    "/entities/{ref}",
    auth=_VIEW,
    response={200: EntityOut, 304: None},
    operation_id="getEntity",
    summary="Show an entity",
)
def get_entity(
    request: HttpRequest, ref: str, response: HttpResponse, if_none_match: IfNoneMatch = None
) -> Status[EntityOut | None]:
    """The entity of that id or name, with its status and the reasons."""
    entity = _show(request, ref, response)
    if is_not_modified(if_none_match, response["ETag"]):
        return Status(304, None)
    return Status(200, entity)


@router.put(
    "/entities/{ref}", auth=_EDIT, response=EntityOut, operation_id="replaceEntity", summary="Replace an entity"
)
def replace_entity(
    request: HttpRequest, ref: str, payload: EntityDefinition, response: HttpResponse, if_match: IfMatch = None
) -> EntityOut:
    """Make an entity say exactly this; fields that are left out go back to their defaults."""
    saved = services.replace_entity(
        principal=request_principal(request),
        ref=ref,
        definition=payload,
        expected_version=expected_version(if_match),
    )
    return _show(request, saved.uid, response)


@router.patch("/entities/{ref}", auth=_EDIT, response=EntityOut, operation_id="updateEntity", summary="Edit an entity")
def update_entity(
    request: HttpRequest, ref: str, payload: EntityChanges, response: HttpResponse, if_match: IfMatch = None
) -> EntityOut:
    """Set the given fields; the others stay."""
    saved = services.update_entity(
        principal=request_principal(request),
        ref=ref,
        changes=payload.given(),
        expected_version=expected_version(if_match),
    )
    return _show(request, saved.uid, response)


@router.delete(
    "/entities/{ref}", auth=_EDIT, response={204: None}, operation_id="deleteEntity", summary="Delete an entity"
)
def delete_entity(request: HttpRequest, ref: str, if_match: IfMatch = None) -> Status[None]:
    """Remove an entity with its checks. Refused (409) while others depend on it; the answer names them."""
    services.delete_entity(principal=request_principal(request), ref=ref, expected_version=expected_version(if_match))
    return Status(204, None)


@router.get(
    "/entities/{ref}/dependencies",
    auth=_VIEW,
    response=NeighboursOut,
    operation_id="listDependencies",
    summary="What an entity needs, and what needs it",
)
def list_dependencies(request: HttpRequest, ref: str, response: HttpResponse) -> NeighboursOut:
    entity, neighbours = selectors.list_neighbours(principal=request_principal(request), ref=ref)
    response["ETag"] = entity_tag(entity.version, neighbours)
    return NeighboursOut.of(neighbours)


@router.put(
    "/entities/{ref}/dependencies",
    auth=_EDIT,
    response=NeighboursOut,
    operation_id="setDependencies",
    summary="Replace what an entity depends on",
)
def set_dependencies(
    request: HttpRequest, ref: str, payload: DependenciesIn, response: HttpResponse, if_match: IfMatch = None
) -> NeighboursOut:
    """Refused (422) when one does not exist, or when hard dependencies would form a cycle; the answer names it."""
    services.set_dependencies(
        principal=request_principal(request),
        ref=ref,
        depends_on=payload.model_dump(mode="json")["depends_on"],
        expected_version=expected_version(if_match),
    )
    return list_dependencies(request, ref, response)


@router.get("/teams", auth=_VIEW, response=TeamPage, operation_id="listTeams", summary="List teams")
def list_teams(request: HttpRequest, query: Query[TeamQuery]) -> TeamPage:
    """One page of the teams, by name."""
    refuse_unknown_query(request, TeamQuery)
    return TeamPage.of(teams.list_teams(principal=request_principal(request), cursor=query.cursor, limit=query.limit))


@router.post(
    "/teams",
    auth=_EDIT,
    response={201: TeamOut},
    operation_id="createTeam",
    summary="Create a team",
    openapi_extra=IDEMPOTENCY_PARAMETER,
)
@decorate_view(answer_once)
def create_team(request: HttpRequest, payload: TeamDefinition, response: HttpResponse) -> Status[TeamOut]:
    teams.create_team(principal=request_principal(request), definition=payload)
    response["Location"] = reverse("api:get_team", kwargs={"name": payload.name})
    return Status(201, _show_team(request, payload.name, response))


@router.get(
    "/teams/{name}",
    auth=_VIEW,
    response={200: TeamOut, 304: None},
    operation_id="getTeam",
    summary="Show a team",
)
def get_team(
    request: HttpRequest, name: str, response: HttpResponse, if_none_match: IfNoneMatch = None
) -> Status[TeamOut | None]:
    team = _show_team(request, name, response)
    if is_not_modified(if_none_match, response["ETag"]):
        return Status(304, None)
    return Status(200, team)


@router.patch("/teams/{name}", auth=_EDIT, response=TeamOut, operation_id="updateTeam", summary="Edit a team")
def update_team(
    request: HttpRequest, name: str, payload: TeamChanges, response: HttpResponse, if_match: IfMatch = None
) -> TeamOut:
    """Set the given fields; the others stay."""
    return _update_team(request, name, payload.given(), response, if_match)


@router.put("/teams/{name}", auth=_EDIT, response=TeamOut, operation_id="replaceTeam", summary="Replace a team")
def replace_team(
    request: HttpRequest, name: str, payload: TeamDefinition, response: HttpResponse, if_match: IfMatch = None
) -> TeamOut:
    """Make a team say exactly this."""
    return _update_team(request, name, payload.document(), response, if_match)


@router.delete("/teams/{name}", auth=_EDIT, response={204: None}, operation_id="deleteTeam", summary="Delete a team")
def delete_team(request: HttpRequest, name: str, if_match: IfMatch = None) -> Status[None]:
    """Refused (409) while it has entities; the answer names them."""
    teams.delete_team(principal=request_principal(request), name=name, expected_version=expected_version(if_match))
    return Status(204, None)


def _update_team(
    request: HttpRequest, name: str, changes: dict[str, Any], response: HttpResponse, if_match: str | None
) -> TeamOut:
    teams.update_team(
        principal=request_principal(request), name=name, changes=changes, expected_version=expected_version(if_match)
    )
    return _show_team(request, changes.get("name", name), response)


def _show_team(request: HttpRequest, name: str, response: HttpResponse) -> TeamOut:
    row = teams.get_team(principal=request_principal(request), name=name)
    response["ETag"] = entity_tag(row.version, row)
    return TeamOut.of(row)


def _show(request: HttpRequest, ref: str, response: HttpResponse) -> EntityOut:
    row = selectors.get_entity(principal=request_principal(request), ref=ref)
    response["ETag"] = entity_tag(row.version, row.status)
    return EntityOut.of(row)

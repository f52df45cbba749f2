"""Pings and ping keys over REST."""

import datetime as dt
import uuid
from typing import Literal

from django.http import HttpRequest
from ninja import Router
from ninja.responses import Status
from pydantic import BaseModel, Field

from core.api_auth import permitted
from core.authentication import request_principal
from core.errors import NotFound
from core.permissions import Permission
from ops.health import selectors, services
from ops.health.selectors.pings import PingView

router = Router(tags=["checks"])

_VIEW = permitted(Permission.CATALOG_VIEW)
_EDIT = permitted(Permission.CATALOG_EDIT)


class PingOut(BaseModel):
    number: int = Field(description="Counts all pings of the check.")
    at: dt.datetime
    signal: Literal["success", "start", "fail", "log"]
    exit_status: int | None
    rid: uuid.UUID | None
    duration_ms: int | None = Field(description="Of the run that this ping ended, if its start was told.")
    address: str
    user_agent: str
    body: str = Field(description="As it came, cut after 10 kB: whatever the sender wrote.")

    @classmethod
    def of(cls, ping: PingView) -> "PingOut":
        return cls.model_validate(ping, from_attributes=True)


class PingList(BaseModel):
    items: list[PingOut]


class PingKeyOut(BaseModel):
    ping_key: str
    ping_url: str = Field(description="Replace `{check}` by the name of a heartbeat of the entity.")

    @classmethod
    def of(cls, request: HttpRequest, key: str) -> "PingKeyOut":
        return cls(ping_key=key, ping_url=request.build_absolute_uri(f"/ping/{key}/") + "{check}")


@router.get(
    "/checks/{uid}/pings", auth=_VIEW, response=PingList, operation_id="listPings", summary="List the last pings"
)
def list_pings(request: HttpRequest, uid: str) -> PingList:
    """The last 100 pings of a heartbeat, newest first."""
    pings = selectors.recent_pings(principal=request_principal(request), check_uid=uid)
    return PingList(items=[PingOut.of(ping) for ping in pings])


@router.get(
    "/entities/{ref}/ping-key", auth=_EDIT, response=PingKeyOut, operation_id="getPingKey", summary="Show the ping key"
)
def get_ping_key(request: HttpRequest, ref: str) -> PingKeyOut:
    """With it the heartbeats of an entity are pinged by their names. Not found (404) until there is one."""
    key = selectors.find_ping_key(principal=request_principal(request), entity_ref=ref)
    if key is None:
        raise NotFound("The entity has no ping key yet")
    return PingKeyOut.of(request, key)


@router.post(
    "/entities/{ref}/ping-key",
    auth=_EDIT,
    response=PingKeyOut,
    operation_id="rotatePingKey",
    summary="Make a new ping key",
)
def rotate_ping_key(request: HttpRequest, ref: str) -> PingKeyOut:
    """The first key of an entity, or another: nothing is found with the old one from then on."""
    return PingKeyOut.of(request, services.rotate_ping_key(principal=request_principal(request), entity_ref=ref))


@router.delete(
    "/entities/{ref}/ping-key",
    auth=_EDIT,
    response={204: None},
    operation_id="deletePingKey",
    summary="Delete the ping key",
)
def delete_ping_key(request: HttpRequest, ref: str) -> Status[None]:
    services.delete_ping_key(principal=request_principal(request), entity_ref=ref)
    return Status(204, None)

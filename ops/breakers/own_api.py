"""Our own circuit breakers over REST: what they are at, and what operators tell them."""

import datetime as dt
from typing import Annotated

from django.http import HttpRequest
from ninja import Router
from pydantic import BaseModel, ConfigDict, Field

from core.api_auth import permitted
from core.authentication import request_principal
from core.breaker.machine import BreakerState
from core.permissions import Permission
from core.text import Line
from ops.breakers import own_selectors, own_services
from ops.breakers.own_selectors import OwnBreakerRow
from ops.breakers.own_services import EXPIRY_DEFAULT_MS, EXPIRY_MS, REASON_MAX
from ops.probing.fields import Duration, between

router = Router(tags=["breakers"])

_VIEW = permitted(Permission.CATALOG_VIEW)
_MANAGE = permitted(Permission.BREAKERS_MANAGE)


class OwnBreakerOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    name: str
    family: str
    target: str
    state: BreakerState
    since: dt.datetime | None
    until: dt.datetime | None = Field(description="When it tries again, or when an operator's command ends.")
    reason: str
    calls: int = Field(description="Calls in the window.")
    failed: int
    slow: int
    permits_out: int = Field(description="Trial calls of a half-open one that are on their way.")

    @classmethod
    def of(cls, row: OwnBreakerRow) -> "OwnBreakerOut":
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class OwnBreakersOut(BaseModel):
    items: list[OwnBreakerOut] = Field(description="The worst first.")
    is_cut: bool = Field(description="There are more.")
    is_lost: bool = Field(description="The shared store does not answer, and every process goes by itself.")


class OwnTransitionOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    name: str
    before: BreakerState
    after: BreakerState
    at: dt.datetime
    until: dt.datetime | None
    reason: str


class OwnTransitionsOut(BaseModel):
    items: list[OwnTransitionOut] = Field(description="The newest first.")


class HoldBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Annotated[Line, Field(min_length=1, max_length=REASON_MAX)]
    expires_in: Annotated[Duration, between(EXPIRY_MS)] = EXPIRY_DEFAULT_MS


class ReleaseBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Annotated[Line, Field(max_length=REASON_MAX)] = ""


@router.get(
    "/breakers/own",
    auth=_VIEW,
    response=OwnBreakersOut,
    operation_id="listOwnBreakers",
    summary="List our own breakers",
)
def list_own_breakers(request: HttpRequest) -> OwnBreakersOut:
    """The breakers that guard what Quarterdeck itself calls. A target that never failed has none."""
    found = own_selectors.own_breakers(principal=request_principal(request))
    return OwnBreakersOut(
        items=[OwnBreakerOut.of(row) for row in found.rows], is_cut=found.is_cut, is_lost=found.is_lost
    )


@router.get(
    "/breakers/own/transitions",
    auth=_VIEW,
    response=OwnTransitionsOut,
    operation_id="listOwnBreakerTransitions",
    summary="List the latest transitions of our own breakers",
)
def list_own_transitions(request: HttpRequest) -> OwnTransitionsOut:
    """Those that the broker still has, 200 at most."""
    found = own_selectors.own_transitions(principal=request_principal(request))
    return OwnTransitionsOut(items=[OwnTransitionOut.model_validate(transition) for transition in found])


@router.post(
    "/breakers/own/{name}/force-open",
    auth=_MANAGE,
    response=OwnBreakerOut,
    operation_id="forceOpenOwnBreaker",
    summary="Stop the calls of a breaker",
)
def force_open(request: HttpRequest, name: str, payload: HoldBody) -> OwnBreakerOut:
    """Nothing is called until the end: `target:payments.internal:443` stops every check of that host and port."""
    own_services.force_open(
        principal=request_principal(request), name=name, reason=payload.reason, expires_in_ms=payload.expires_in
    )
    return _show(request, name)


@router.post(
    "/breakers/own/{name}/disable",
    auth=_MANAGE,
    response=OwnBreakerOut,
    operation_id="disableOwnBreaker",
    summary="Let every call of a breaker through",
)
def disable(request: HttpRequest, name: str, payload: HoldBody) -> OwnBreakerOut:
    """Everything is called until the end, however much of it fails."""
    own_services.disable(
        principal=request_principal(request), name=name, reason=payload.reason, expires_in_ms=payload.expires_in
    )
    return _show(request, name)


@router.post(
    "/breakers/own/{name}/close",
    auth=_MANAGE,
    response=OwnBreakerOut,
    operation_id="closeOwnBreaker",
    summary="Close a breaker",
)
def close(request: HttpRequest, name: str, payload: ReleaseBody | None = None) -> OwnBreakerOut:
    """It calls again at once, and judges by what comes."""
    reason = payload.reason if payload else ""
    own_services.close(principal=request_principal(request), name=name, reason=reason)
    return _show(request, name)


@router.post(
    "/breakers/own/{name}/reset",
    auth=_MANAGE,
    response=OwnBreakerOut,
    operation_id="resetOwnBreaker",
    summary="Make a breaker forget",
)
def reset(request: HttpRequest, name: str, payload: ReleaseBody | None = None) -> OwnBreakerOut:
    """It is closed and forgets what it has seen."""
    reason = payload.reason if payload else ""
    own_services.reset(principal=request_principal(request), name=name, reason=reason)
    return _show(request, name)


def _show(request: HttpRequest, name: str) -> OwnBreakerOut:
    return OwnBreakerOut.of(own_selectors.own_breaker(principal=request_principal(request), name=name))

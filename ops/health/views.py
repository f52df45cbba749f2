"""Actions on checks; their forms are in ``desk``. Pages that show checks compose in ``ops.dashboard``."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from core.authentication import request_principal
from core.errors import Conflict
from core.pages import acted
from core.permissions import Permission, requires
from ops.health.definition import DEFINITIONS
from ops.health.services import (
    create_ping_key,
    pause_check,
    resume_check,
    rotate_ping_key,
    run_check_now,
)


@requires(Permission.CHECK_RUN)
@require_POST
def check_run(request: HttpRequest, uid: str) -> HttpResponse:
    """Nothing is sent to the broker here: the next tick, within a second, finds the check due."""
    return _act(request, uid, run_check_now, "Running {name}")


@requires(Permission.CHECK_PAUSE)
@require_POST
def check_pause(request: HttpRequest, uid: str) -> HttpResponse:
    return _act(request, uid, pause_check, "Paused {name}")


@requires(Permission.CHECK_PAUSE)
@require_POST
def check_resume(request: HttpRequest, uid: str) -> HttpResponse:
    return _act(request, uid, resume_check, "Resumed {name}")


@requires(Permission.CATALOG_EDIT)
@require_POST
def entity_ping_key(request: HttpRequest, name: str) -> HttpResponse:
    """Its first key; with the entity's name in ``confirm`` another, as the one that it has leads nowhere then."""
    principal = request_principal(request)
    if request.POST.get("confirm", "").strip() == name:
        rotate_ping_key(principal=principal, entity_ref=name)
        return acted(request, f"The heartbeats of {name} have a new ping key")
    try:
        create_ping_key(principal=principal, entity_ref=name)
    except Conflict:
        return HttpResponse(f"Type {name} to confirm", status=422, content_type="text/plain")
    return acted(request, f"The heartbeats of {name} have a ping key")


def _act(request: HttpRequest, uid: str, service: Callable[..., Any], message: str) -> HttpResponse:
    service(principal=request_principal(request), uid=uid)
    return acted(request, message.format(name=DEFINITIONS.stored(uid).name))

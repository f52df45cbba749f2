"""Operator actions on an entity as a whole: each of its checks, in one go. They answer 204 and say what they did."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from core.authentication import request_principal
from core.errors import Conflict
from core.pages import acted
from core.permissions import Permission, requires
from entities.selectors import get_entity
from ops.health.selectors import CheckRow, check_rows
from ops.health.services import pause_check, resume_check, run_check_now


def _checks(request: HttpRequest, name: str) -> tuple[CheckRow, ...]:
    principal = request_principal(request)
    entity = get_entity(principal=principal, ref=name)
    return check_rows(principal=principal, entity_ids=[entity.id], limit=1_000).items


@requires(Permission.CHECK_RUN)
@require_POST
def run_entity(request: HttpRequest, name: str) -> HttpResponse:
    """Checks that wait for pings are left out; when nothing else is there, that is a conflict."""
    ran, refusal = 0, Conflict(f"Every check of {name} is paused")
    for check in _checks(request, name):
        if check.status == "paused":
            continue
        try:
            run_check_now(principal=request_principal(request), uid=check.uid)
            ran += 1
        except Conflict as error:
            refusal = error
    if not ran:
        raise refusal
    return acted(request, f"Running {_count(ran)} of {name}")


@requires(Permission.CHECK_PAUSE)
@require_POST
def pause_entity(request: HttpRequest, name: str) -> HttpResponse:
    checks = [check for check in _checks(request, name) if not check.paused]
    for check in checks:
        pause_check(principal=request_principal(request), uid=check.uid)
    return acted(request, f"Paused {_count(len(checks))} of {name}")


@requires(Permission.CHECK_PAUSE)
@require_POST
def resume_entity(request: HttpRequest, name: str) -> HttpResponse:
    checks = [check for check in _checks(request, name) if check.paused]
    for check in checks:
        resume_check(principal=request_principal(request), uid=check.uid)
    return acted(request, f"Resumed {_count(len(checks))} of {name}")


def _count(number: int) -> str:
    return f"{number} check{'' if number == 1 else 's'}"

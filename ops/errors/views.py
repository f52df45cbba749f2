"""What the buttons of error pages do. Pages that show errors compose in ``ops.dashboard``."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from core.authentication import request_principal
from core.clock import now_ms
from core.errors import FieldError, ValidationFailed
from core.pages import acted
from core.permissions import Permission, requires
from ops.errors import services
from ops.errors.services import LABEL_MAX, MUTE_CHOICES


@requires(Permission.ERRORS_MANAGE)
@require_POST
def error_resolve(request: HttpRequest, uid: str) -> HttpResponse:
    services.resolve_group(principal=request_principal(request), uid=uid)
    return acted(request, "Resolved until it comes back in a later release")


@requires(Permission.ERRORS_MANAGE)
@require_POST
def error_reopen(request: HttpRequest, uid: str) -> HttpResponse:
    services.reopen_group(principal=request_principal(request), uid=uid)
    return acted(request, "Open again")


@requires(Permission.ERRORS_MANAGE)
@require_POST
def error_mute(request: HttpRequest, uid: str) -> HttpResponse:
    """``for`` is one of ``MUTE_CHOICES``, or ``per_hour`` a number of events."""
    span = request.POST.get("for", "")
    if span in MUTE_CHOICES:
        mute, said = services.Mute(until_ms=now_ms() + MUTE_CHOICES[span]), f"Muted for {span}"
    else:
        given = request.POST.get("per_hour", "").strip()
        if not (given.isascii() and given.isdigit() and len(given) < 10):
            raise ValidationFailed("Say how many events an hour", errors=(FieldError("per_hour", "a number"),))
        mute, said = services.Mute(per_hour=int(given)), f"Muted until {int(given):,} events come in an hour"
    services.mute_group(principal=request_principal(request), uid=uid, mute=mute)
    return acted(request, said)


@requires(Permission.ERRORS_MANAGE)
@require_POST
def error_assign(request: HttpRequest, uid: str) -> HttpResponse:
    """``team`` empty gives it back to the team of its entity."""
    team = request.POST.get("team", "") or None
    services.assign_group(principal=request_principal(request), uid=uid, team=team)
    return acted(request, f"Assigned to {team}" if team else "Assigned to nobody")


@requires(Permission.ERRORS_MANAGE)
@require_POST
def dsn_create(request: HttpRequest, name: str) -> HttpResponse:
    label = "".join(letter for letter in request.POST.get("label", "") if letter.isprintable()).strip()[:LABEL_MAX]
    services.create_key(principal=request_principal(request), entity_ref=name, label=label)
    return acted(request, f"Made a DSN of {name}")


@requires(Permission.ERRORS_MANAGE)
@require_POST
def dsn_revoke(request: HttpRequest, name: str, number: int) -> HttpResponse:
    services.revoke_key(principal=request_principal(request), entity_ref=name, number=number)
    return acted(request, f"Revoked a DSN of {name}")

"""What the buttons of breaker pages do. Pages that show breakers compose in ``ops.dashboard``."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from core.authentication import request_principal
from core.errors import FieldError, ValidationFailed
from core.pages import acted, ask_to_delete
from core.permissions import Permission, requires
from ops.breakers import own_services, services
from ops.breakers.domain import Action
from ops.breakers.own_services import HOLD_CHOICES, REASON_MAX
from ops.breakers.selectors import breaker_row

_DONE = {
    Action.FORCE_OPEN: "Forced open",
    Action.CLOSE: "Closed",
    Action.DISABLE: "Disabled",
    Action.RESET: "Reset",
}


@requires(Permission.BREAKERS_MANAGE)
@require_POST
def breaker_control(request: HttpRequest, uid: str, action: Action) -> HttpResponse:
    """``reason`` is one line; every instance that takes the action is asked."""
    reason = _reason(request)
    if not (reason.isprintable() and 0 < len(reason) <= REASON_MAX):
        raise ValidationFailed(
            "Say why", errors=(FieldError("reason", f"one line of at most {REASON_MAX} characters"),)
        )
    outcome = services.control_breaker(principal=request_principal(request), uid=uid, action=action, reason=reason)
    done, failed = len(outcome.done), len(outcome.failed)
    said = f"{_DONE[action]} on {done} instance{'' if done == 1 else 's'}"
    return acted(request, f"{said}, {failed} did not do it" if failed else said)


@requires(Permission.BREAKERS_MANAGE)
@require_http_methods(["GET", "POST"])
def breaker_delete(request: HttpRequest, uid: str) -> HttpResponse:
    """``confirm`` is the name of the breaker."""
    principal = request_principal(request)
    breaker = breaker_row(principal=principal, uid=uid)
    page, entity = reverse("breaker-detail", args=[uid]), reverse("entity-detail", args=[breaker.entity_name])
    return ask_to_delete(
        request,
        name=breaker.name,
        loss="Quarterdeck forgets the breaker with its instances and transitions; the breaker itself stays in its "
        "program, whose next report shows it anew.",
        delete=lambda: services.delete_breaker(principal=principal, uid=uid),
        leads_to=entity,
        cancel_url=page,
        context={
            "section": "breakers",
            "crumbs": [("Breakers", reverse("breaker-list")), (breaker.entity_name, entity), (breaker.name, page)],
            "is_reported": breaker.is_reported,
        },
        template="ops/breakers/breaker_delete.html",
    )


@requires(Permission.BREAKERS_MANAGE)
@require_POST
def own_force_open(request: HttpRequest, name: str) -> HttpResponse:
    """``for`` is one of ``HOLD_CHOICES``, and ``reason`` one line."""
    span, expires_in_ms = _span(request)
    own_services.force_open(
        principal=request_principal(request), name=name, reason=_reason(request), expires_in_ms=expires_in_ms
    )
    return acted(request, f"Forced {name} open for {span}")


@requires(Permission.BREAKERS_MANAGE)
@require_POST
def own_disable(request: HttpRequest, name: str) -> HttpResponse:
    """``for`` is one of ``HOLD_CHOICES``, and ``reason`` one line."""
    span, expires_in_ms = _span(request)
    own_services.disable(
        principal=request_principal(request), name=name, reason=_reason(request), expires_in_ms=expires_in_ms
    )
    return acted(request, f"Disabled {name} for {span}")


@requires(Permission.BREAKERS_MANAGE)
@require_POST
def own_close(request: HttpRequest, name: str) -> HttpResponse:
    own_services.close(principal=request_principal(request), name=name, reason=_reason(request))
    return acted(request, f"Closed {name}")


@requires(Permission.BREAKERS_MANAGE)
@require_POST
def own_reset(request: HttpRequest, name: str) -> HttpResponse:
    own_services.reset(principal=request_principal(request), name=name, reason=_reason(request))
    return acted(request, f"Reset {name}")


def _reason(request: HttpRequest) -> str:
    return request.POST.get("reason", "").strip()


def _span(request: HttpRequest) -> tuple[str, int]:
    span = request.POST.get("for", "")
    if span not in HOLD_CHOICES:
        raise ValidationFailed("Say for how long", errors=(FieldError("for", f"one of {', '.join(HOLD_CHOICES)}"),))
    return span, HOLD_CHOICES[span]

"""What the buttons of breaker pages do. Pages that show breakers compose in ``ops.dashboard``."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from core.authentication import request_principal
from core.errors import FieldError, ValidationFailed
from core.pages import acted
from core.permissions import Permission, requires
from ops.breakers import own_services
from ops.breakers.own_services import HOLD_CHOICES


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
